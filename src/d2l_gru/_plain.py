"""Whether an object behaves as its class does, so that a shortcut may replace it.

The shortcuts are the NumPy readers and the twins in the other framework.
"""


def methods(cls, *names):
    """Return the methods of a class as they are now, by name, for `replaced`."""
    return {name: getattr(cls, name) for name in names}


def replaced(name, part, cls, originals):
    """Yield, in words, how `part` differs from a plain object of the class `cls`.

    Args:
        name: what to call the part.
        originals: the class's `methods` as they were when it was imported.
    """
    if type(part) is not cls:
        yield f"{name} is a {type(part).__qualname__}, not a {cls.__qualname__}"
    for method, original in originals.items():
        # Replacements on the instance and in the class are both found.
        if getattr(getattr(part, method, None), "__func__", None) is not original:
            yield f"{method} of {name} was replaced"
