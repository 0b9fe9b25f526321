"""What the demo holds: people, and artworks with their pictures, likes and reviews."""

from dataclasses import dataclass

from config.demo_pictures import Scene


@dataclass(frozen=True)
class DemoArtwork:
    """``likers`` are usernames; ``reviews`` are (username, rating, text)."""

    author: str
    title: str
    description: str
    medium: str
    dimensions: str
    tags: str
    filename: str  # its extension is the picture's format
    size: tuple[int, int]  # pixels
    scene: Scene
    likers: tuple[str, ...] = ()
    reviews: tuple[tuple[str, int, str], ...] = ()


ADMIN_EMAIL, DEMO_EMAIL = "admin@example.com", "demo@example.com"
# username: (e-mail, first name, last name)
PEOPLE = {
    "demo": (DEMO_EMAIL, "Ada", "Lindqvist"),
    "mira": ("mira@example.com", "Mira", "Okafor"),
    "jonas": ("jonas@example.com", "Jonas", "Weber"),
}
AVATARS = {"demo": Scene(("#f7b267", "#f4845f"), ("#f25c54", "#8f2d56", "#3b1c32"), (0.5, 0.36, 0.12))}

ARTWORKS = (
    DemoArtwork(
        "demo",
        "Mountain Landscape",
        "Five ridges before sunrise, each a little closer and a little darker.",
        "Oil on canvas",
        "24x36 inches",
        "landscape,mountains,nature",
        "mountain_landscape.jpg",
        (1600, 1000),
        Scene(("#35507e", "#ffd9b0"), ("#a9a3bd", "#7f7f9f", "#55607f", "#33415f", "#1c2740"), sun=(0.68, 0.30, 0.045)),
        ("mira", "jonas"),
        (("mira", 5, "The light on the ridge is very well seen."), ("jonas", 4, "I would hang it in the hall.")),
    ),
    DemoArtwork(
        "demo",
        "Low Tide",
        "A long, quiet afternoon by the sea.",
        "Watercolour",
        "20x48 inches",
        "sea,coast,blue",
        "low_tide.png",
        (1920, 820),
        Scene(
            ("#4aa3d8", "#e9f6fb"),
            ("#7fb7c9", "#3f8fb0", "#1f6f94", "#d8c79a"),
            sun=(0.22, 0.2, 0.04),
            roughness=0.35,
        ),
        ("jonas",),
    ),
    DemoArtwork(
        "mira",
        "Morning in the Forest",
        "",
        "Linocut",
        "A3",
        "forest,green,nature",
        "morning_forest.webp",
        (1000, 1400),
        Scene(("#9fc5b4", "#f3f1d7"), ("#8db59a", "#5f9374", "#3c7457", "#22523d", "#123526"), sun=(0.5, 0.32, 0.06)),
        ("demo", "jonas"),
        (("demo", 5, "You can almost smell it."),),
    ),
    DemoArtwork(
        "mira",
        "Dunes",
        "Heat, and nothing else for an hour.",
        "Acrylic on wood",
        "30x30 inches",
        "desert,warm,landscape",
        "dunes.jpg",
        (1280, 1280),
        Scene(
            ("#f2b56b", "#fde9c3"),
            ("#e7a95f", "#d98f4a", "#bf6f35", "#8f4a26"),
            sun=(0.33, 0.36, 0.08),
            sun_color="#fff7e2",
            roughness=0.8,
        ),
        ("demo",),
    ),
    DemoArtwork(
        "jonas",
        "Clear Night",
        "Two hours of exposure, drawn from memory.",
        "Digital",
        "1440x900 px",
        "night,stars,mountains",
        "clear_night.jpg",
        (1440, 900),
        Scene(
            ("#060b1f", "#2a3a6b"),
            ("#232d56", "#182043", "#0e1430", "#070a1c"),
            sun=(0.76, 0.2, 0.035),
            sun_color="#f4f1e4",
            stars=160,
        ),
        ("demo", "mira"),
        (("mira", 4, "More stars, please."),),
    ),
    DemoArtwork(
        "jonas",
        "First Snow",
        "",
        "Gouache",
        "18x24 inches",
        "winter,mountains,landscape",
        "first_snow.jpg",
        (1200, 900),
        Scene(
            ("#6f9fd0", "#f2e4ea"),
            ("#dfe6f2", "#bccbe2", "#93a9cb", "#6c84ad", "#f7f9fc"),
            sun=(0.4, 0.27, 0.04),
            roughness=1.5,
        ),
    ),
)
