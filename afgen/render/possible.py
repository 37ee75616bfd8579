"""Whether a preset can do what is asked, told before any of its models is loaded."""

from afgen.errors import OptionError
from afgen.offers import offer_of
from afgen.render.settings import RenderSettings


def require_possible(settings: RenderSettings) -> None:
    """Raise OptionError where something is asked of a preset that it does not have."""
    offer = offer_of(settings.preset)
    strengths = (settings.head, settings.expression, settings.blink)
    problem = None
    if settings.first_window not in offer.first_windows:
        problem = f"cannot begin with {settings.first_window} frames"
    elif settings.audio_mode not in offer.audio_modes:
        problem = f"has no audio mode {settings.audio_mode!r}"
    elif not offer.tells_apart and strengths != (1.0, 1.0, 1.0):
        problem = "cannot tell head motion, expression and blinks apart"
    if problem is not None:
        raise OptionError(
            f"The preset {settings.preset!r} {problem}.",
            hint="Leave the option out, or choose another preset; see `afgen presets`.",
        )
