"""Which of the people of a recording the avatar is to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afgen.errors import AmbiguousRolesError, NoPersonError
from afgen.signals import Flags, Samples
from afgen.tracks.observe import PersonTrack
from afgen.tracks.side import AvatarSide
from afgen.tracks.speakers import seconds

_CLOSE_SHARES = 0.15  # shares of speech nearer than this leave `auto` unsure


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was made out, why, and how sure it is (0.5 a guess, 1 certain)."""

    question: str
    answer: str
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Party:
    """One side of the conversation: what was found of a person's face and voice."""

    name: str
    place: float | None  # 0 left .. 1 right, in the picture or between the ears; None: nowhere
    track: PersonTrack | None
    audio_S: Samples | None
    speech_T: Flags | None  # None where the recording has no sound

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return 0.0 if self.speech_T is None else seconds(self.speech_T)

    @property
    def first_word(self) -> float:
        """First frame of speech; infinite for somebody who says nothing."""
        if self.speech_T is None or not self.speech_T.any():
            return float("inf")
        return float(np.argmax(self.speech_T))


@dataclass(frozen=True, slots=True)
class Roles:
    """Indices of the parties that are the avatar and the user; None where there is nobody."""

    avatar: int | None
    user: int | None
    decision: Decision


def assign_roles(parties: Sequence[Party], side: AvatarSide) -> Roles:
    """Settle who of one or two parties is the avatar.

    `left` and `right` go by place, `first` and `second` by who speaks first; `auto` takes whoever
    speaks more, because a portrait that talks and listens shows more than one that only listens.

    Raises:
        NoPersonError: nobody is there, or nobody on that side.
        AmbiguousRolesError: a side was named and the recording has no sides.
    """
    if not parties:
        raise NoPersonError("Nobody can be seen or heard in the recording.")
    if len(parties) == 1:
        return _alone(parties[0], side)
    if side is AvatarSide.AUTO:
        return _by_speech(parties)
    if side in (AvatarSide.LEFT, AvatarSide.RIGHT):
        return _by_place(parties, side)
    return _by_order(parties, side)


def _roles(avatar: int, parties: Sequence[Party], reason: str, confidence: float) -> Roles:
    decision = Decision("Who is the avatar?", parties[avatar].name, reason, confidence)
    return Roles(avatar, 1 - avatar if len(parties) == 2 else None, decision)


def _alone(party: Party, side: AvatarSide) -> Roles:
    if side is AvatarSide.SECOND or (
        side in (AvatarSide.LEFT, AvatarSide.RIGHT)
        and (party.place is None or (party.place < 0.5) != (side is AvatarSide.LEFT))
    ):
        raise NoPersonError(
            f"There is only one person in the recording ({party.name}), nobody is {side.value}."
        )
    if side is AvatarSide.AUTO and party.speech_s == 0.0:
        reason = "The only person there says nothing, so the avatar listens to them."
        return Roles(None, 0, Decision("Who is the avatar?", "nobody there", reason, 0.7))
    return _roles(0, [party], "It is the only person there.", 0.9)


def _by_speech(parties: Sequence[Party]) -> Roles:
    spoken = [party.speech_s for party in parties]
    total = sum(spoken)
    if total == 0.0:
        reason = "Nobody speaks; taken by place. Say --avatar left|right to change it."
        return _roles(0, parties, reason, 0.5)
    avatar = 0 if spoken[0] >= spoken[1] else 1
    lead = abs(spoken[0] - spoken[1]) / total
    reason = (
        f"{parties[avatar].name} speaks {spoken[avatar]:.1f} s, "
        f"{parties[1 - avatar].name} {spoken[1 - avatar]:.1f} s; whoever speaks more is taken."
    )
    if lead < _CLOSE_SHARES:
        reason += " That is close: name one with --avatar."
    return _roles(avatar, parties, reason, 0.5 + 0.5 * min(lead / (2 * _CLOSE_SHARES), 1.0))


def _by_place(parties: Sequence[Party], side: AvatarSide) -> Roles:
    places = [party.place for party in parties]
    if places[0] is None or places[1] is None:
        raise AmbiguousRolesError(
            f"{parties[0].name} and {parties[1].name} are not to the left and right of each other.",
            hint="Say who the avatar is with --avatar first|second (by who speaks first).",
        )
    leftmost = 0 if places[0] <= places[1] else 1
    avatar = leftmost if side is AvatarSide.LEFT else 1 - leftmost
    apart = abs(places[0] - places[1])
    return _roles(avatar, parties, f"--avatar {side.value} was given.", 1.0 if apart > 0.1 else 0.6)


def _by_order(parties: Sequence[Party], side: AvatarSide) -> Roles:
    begins = [party.first_word for party in parties]
    if begins == [float("inf")] * 2:
        raise AmbiguousRolesError(
            "Nobody speaks, so nobody is first.",
            hint="Say who the avatar is with --avatar left|right.",
        )
    opener = 0 if begins[0] <= begins[1] else 1
    avatar = opener if side is AvatarSide.FIRST else 1 - opener
    sure = 1.0 if abs(begins[0] - begins[1]) > 5 else 0.6
    return _roles(avatar, parties, f"--avatar {side.value} was given, by who speaks first.", sure)
