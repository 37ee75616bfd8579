"""A picture of what was understood: who was seen and heard when, and who is to be the avatar."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from afgen.clock import SAMPLES_PER_FRAME, seconds_at
from afgen.signals import Flags, Floats, Image, Samples, to_sound
from afgen.tracks.roles import Party
from afgen.tracks.speakers import mouth_activity
from afgen.tracks.speech import segments
from afgen.tracks.understand import Understanding

Colour = tuple[int, int, int]

_PAPER, _INK, _FAINT, _RULE = (250, 250, 248), (28, 32, 38), (120, 126, 134), (226, 228, 230)
_LANE = (240, 241, 242)
_COLOURS: dict[str, Colour] = {
    "avatar": (13, 128, 120),
    "user": (214, 110, 32),
    "other": (138, 144, 152),
}
_WARNING = (176, 52, 40)

_WIDTH, _MARGIN, _GUTTER = 1600, 40, 400  # pixels of the finished picture
_HEAD, _ROW, _AXIS, _LINE = 92, 176, 44, 26
_FINER = 2  # drawn this much larger, then reduced, for smooth edges
_THUMBNAIL = 120
_TICKS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A drawing board in finished pixels, with time running across its right part."""

    draw: ImageDraw.ImageDraw
    sheet: PillowImage.Image
    frames: int

    def x_of(self, frame: float) -> float:
        return _GUTTER + (_WIDTH - _MARGIN - _GUTTER) * frame / max(self.frames, 1)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        scaled = [round(_FINER * value) for value in (left, top, right, bottom)]
        self.draw.rectangle((scaled[0], scaled[1], max(scaled[2], scaled[0] + 1), scaled[3]), fill)

    def pill(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        scaled = [round(_FINER * value) for value in (left, top, right, bottom)]
        self.draw.rounded_rectangle(scaled, radius=(scaled[3] - scaled[1]) // 2, fill=fill)

    def text(
        self, x: float, y: float, words: str, size: int, fill: Colour = _INK, anchor: str = "la"
    ) -> None:
        font = ImageFont.load_default(size * _FINER)
        self.draw.text((x * _FINER, y * _FINER), words, fill, font, anchor=anchor)

    def area(self, values_T: Floats, top: float, height: float, fill: Colour) -> None:
        """A filled curve of values 0..1 over all frames."""
        columns = max(int(self.x_of(self.frames) - self.x_of(0)), 1) * _FINER
        peaks = _peaks(values_T, columns)
        left, bottom = self.x_of(0) * _FINER, (top + height) * _FINER
        curve = [
            (left + column, bottom - float(value) * height * _FINER)
            for column, value in enumerate(peaks)
        ]
        self.draw.polygon([(left, bottom), *curve, (left + len(peaks) - 1, bottom)], fill)


def draw_timeline(found: Understanding, title: str) -> Image:
    """The understanding as a picture (H, 1600, 3): a lane of voice, mouth and presence a person.

    Colours: the avatar green, the user orange, others grey.
    """
    people = found.people()
    notes = _notes(found)
    height = _HEAD + len(people) * _ROW + _AXIS + len(notes) * _LINE + _MARGIN
    sheet = PillowImage.new("RGB", (_WIDTH * _FINER, height * _FINER), _PAPER)
    canvas = _Canvas(ImageDraw.Draw(sheet), sheet, found.conversation.frames)
    _draw_head(canvas, found, title)
    for row, (role, party) in enumerate(people):
        _draw_person(canvas, role, party, _HEAD + row * _ROW)
    bottom = _HEAD + len(people) * _ROW
    _draw_axis(canvas, _HEAD, bottom)
    for line, (words, colour) in enumerate(notes):
        canvas.text(_MARGIN, bottom + _AXIS + line * _LINE, words, 16, colour)
    small = sheet.resize((_WIDTH, height), PillowImage.Resampling.LANCZOS)
    return np.asarray(small, dtype=np.uint8)


def _draw_head(canvas: _Canvas, found: Understanding, title: str) -> None:
    canvas.text(_MARGIN, 26, title, 26)
    length = seconds_at(found.conversation.frames)
    roles = " · ".join(f"{role}: {party.name}" for role, party in found.people() if role != "other")
    canvas.text(_MARGIN, 60, f"{_clock(length)}   {roles or 'nobody found'}", 16, _FAINT)


def _draw_person(canvas: _Canvas, role: str, party: Party, top: float) -> None:
    colour = _COLOURS[role]
    canvas.box(_MARGIN, top, _WIDTH - _MARGIN, top + 1, _RULE)
    _draw_portrait(canvas, party, colour, top + 18)
    left = _MARGIN + _THUMBNAIL + 18
    canvas.text(left, top + 22, party.name, 18)
    canvas.pill(left, top + 52, left + 76, top + 74, colour)
    canvas.text(left + 38, top + 63, role, 14, _PAPER, "mm")
    facts = [
        "no sound" if party.speech_T is None else f"speaks {party.speech_s:.1f} s",
        "not in view" if party.track is None else f"in view {100 * party.track.presence:.0f} %",
    ]
    for line, fact in enumerate(facts):
        canvas.text(left, top + 86 + 22 * line, fact, 15, _FAINT)
    _draw_lanes(canvas, party, colour, top)


def _draw_portrait(canvas: _Canvas, party: Party, colour: Colour, top: float) -> None:
    """The face in a frame of its role's colour, or an empty frame."""
    corner = (_MARGIN * _FINER, round(top * _FINER))
    canvas.box(_MARGIN - 3, top - 3, _MARGIN + _THUMBNAIL + 3, top + _THUMBNAIL + 3, colour)
    canvas.box(_MARGIN, top, _MARGIN + _THUMBNAIL, top + _THUMBNAIL, _LANE)
    if party.track is None:
        middle = (_MARGIN + _THUMBNAIL / 2, top + _THUMBNAIL / 2)
        canvas.text(*middle, "voice only", 15, _FAINT, "mm")
        return
    side = _THUMBNAIL * _FINER
    face = PillowImage.fromarray(party.track.thumbnail_HWC).resize((side, side))
    canvas.sheet.paste(face, corner)


def _draw_lanes(canvas: _Canvas, party: Party, colour: Colour, top: float) -> None:
    start, end = canvas.x_of(0), canvas.x_of(canvas.frames)
    lane = partial(canvas.box, start, right=end, fill=_LANE)
    label = partial(canvas.text, start - 10, size=13, fill=_FAINT, anchor="rm")
    lane(top=top + 18, bottom=top + 74)
    label(y=top + 46, words="voice")
    if party.speech_T is not None:
        _draw_voice(canvas, party.audio_S, party.speech_T, colour, top + 18, 56)
    lane(top=top + 84, bottom=top + 128)
    label(y=top + 106, words="mouth")
    lane(top=top + 138, bottom=top + 150)
    label(y=top + 144, words="in view")
    if party.track is None:
        return
    activity_T = mouth_activity(party.track.mouth_T2, party.track.present_T)
    canvas.area(np.clip((activity_T + 6.5) / 4.0, 0.0, 1.0), top + 84, 44, _lighter(colour, 0.35))
    for first, last in segments(party.track.present_T):
        canvas.box(canvas.x_of(first), top + 138, canvas.x_of(last), top + 150, colour)


def _draw_voice(
    canvas: _Canvas,
    audio_S: Samples | None,
    speech_T: Flags,
    colour: Colour,
    top: float,
    height: float,
) -> None:
    """Loudness as a curve where the voice is kept, over bands where speech was found."""
    for first, last in segments(speech_T):
        band = _lighter(colour, 0.78)
        canvas.box(canvas.x_of(first), top, canvas.x_of(last), top + height, band)
    if audio_S is None:
        return
    frames = len(audio_S) // SAMPLES_PER_FRAME
    blocks_TS = audio_S[: frames * SAMPLES_PER_FRAME].reshape(frames, SAMPLES_PER_FRAME)
    power_T = np.array([np.mean(np.square(to_sound(block_S))) for block_S in blocks_TS])
    loudness_T = np.clip((10 * np.log10(power_T + 1e-9) + 60) / 55, 0.0, 1.0)
    canvas.area(loudness_T.astype(np.float32), top + 4, height - 4, colour)


def _draw_axis(canvas: _Canvas, top: float, bottom: float) -> None:
    canvas.box(_MARGIN, bottom, _WIDTH - _MARGIN, bottom + 1, _RULE)
    length = seconds_at(canvas.frames)
    step = next((tick for tick in _TICKS_S if length / tick <= 14), _TICKS_S[-1])
    for tick in np.arange(0.0, length + 1e-6, step):
        x = canvas.x_of(canvas.frames * tick / max(length, 1e-6))
        canvas.box(x, top, x + 0.5, bottom + 6, _RULE)
        canvas.text(x, bottom + 10, _clock(float(tick)), 13, _FAINT, "ma")


def _notes(found: Understanding) -> list[tuple[str, Colour]]:
    """What was decided and why, then warnings, in lines that fit."""
    lines: list[tuple[str, Colour]] = []
    for one in found.decisions:
        sure = f"{100 * one.confidence:.0f} % sure"
        words = f"{one.question}  {one.answer} ({sure}). {one.reason}"
        lines += [(line, _INK) for line in _wrapped(words)]
    for warning in found.warnings:
        lines += [(line, _WARNING) for line in _wrapped(f"Note: {warning}")]
    return lines


def _wrapped(words: str) -> list[str]:
    """Lines no wider than the picture."""
    font = ImageFont.load_default(16)
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= _WIDTH - 2 * _MARGIN:
            lines[-1] = longer
        else:
            lines.append(f"    {word}")
    return lines


def _peaks(values_T: Floats, columns: int) -> Sequence[float]:
    """The values at `columns` places: interpolated when stretched, the highest when squeezed."""
    if len(values_T) <= columns:
        places = np.linspace(0, len(values_T) - 1, columns)
        stretched: list[float] = np.interp(places, np.arange(len(values_T)), values_T).tolist()
        return stretched
    starts = np.linspace(0, len(values_T), columns, endpoint=False).astype(int)
    squeezed: list[float] = np.maximum.reduceat(values_T, starts).tolist()
    return squeezed


def _lighter(colour: Colour, share: float) -> Colour:
    """The colour mixed with this share of paper."""
    red, green, blue = (
        round(one + share * (paper - one)) for one, paper in zip(colour, _PAPER, strict=True)
    )
    return red, green, blue


def _clock(time_s: float) -> str:
    minutes, rest = divmod(round(time_s, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}" if rest % 1 else f"{int(minutes)}:{int(rest):02d}"
