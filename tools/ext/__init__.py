"""What this book adds to Sphinx: one extension, in _config.yml, of several that know each other."""

# In this order.
PARTS = "formulas edition markup printed provenance slides tabs widgets faults"


def setup(app):
    for name in PARTS.split():
        app.setup_extension(f"{__name__}.{name}")
