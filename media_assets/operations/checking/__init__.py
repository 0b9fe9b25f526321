"""``manage.py storage_check``: proves the configured storages live, and sets buckets up.

``findings``: steps and what comes of them. ``layout``: what the settings want of a bucket. ``policies``, ``rules``: the
JSON that a bucket needs, as pure functions. ``bucket_state``: what it has. ``setting_up``: bringing it there. ``s3_…``,
``local``, ``registry``: the steps. ``written``, ``anonymous``: what they write, and how strangers ask. ``running``: all
of them in their order.
"""
