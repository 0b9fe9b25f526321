"""How the administration looks: the settings of its theme (https://unfoldadmin.com)."""

from typing import Any

_BLUE = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}
ADMIN_THEME: dict[str, Any] = {
    "SITE_TITLE": "Vitrine",
    "SITE_HEADER": "Vitrine",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "photo_library",
    "SITE_URL": "/",
    "COLORS": {"primary": _BLUE},
    "STYLES": ["config.admin_site.stylesheet"],
    "SCRIPTS": ["config.admin_site.script"],
    "SIDEBAR": {"navigation": "config.admin_site.navigation"},
}
