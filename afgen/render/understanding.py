"""The first pass of a render: who is who, kept beside the half-made video to be done only once."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from threadpoolctl import threadpool_limits

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.clock import frames_in
from afgen.media.encode import Sound, SoundFile
from afgen.media.files import writing
from afgen.media.images import save_png
from afgen.media.probe import probe
from afgen.render.layout import UserView
from afgen.render.output import check_output
from afgen.render.progress import Listener, Progress, silent
from afgen.render.settings import Recordings, RenderSettings, Sources
from afgen.signals import Conversation, Floats, Track, to_sound
from afgen.tracks import understand as tracks
from afgen.tracks.landmarks import Box
from afgen.tracks.observe import Encode
from afgen.tracks.timeline import draw_timeline

_FILE = "understanding.npz"


@dataclass(frozen=True, slots=True)
class Understood:
    """What a render needs to know of its recordings."""

    conversation: Conversation
    user_view: UserView | None
    summary: dict[str, Any]

    @property
    def warnings(self) -> list[str]:
        """Doubts worth telling."""
        return list(self.summary["warnings"])


def understand_sources(
    sources: Sources,
    settings: RenderSettings,
    autoencoder: MotionAutoencoder[Any, Any],
    parts: Path,
    progress: Listener,
) -> Understood:
    """The recordings of `sources`, understood now or by the run that is taken up again.

    Raises MediaError, ConversationError and their kinds.
    """
    kept = parts / _FILE
    if kept.is_file():
        return _load(kept, sources)
    encode = None if settings.only == "talking" else autoencoder.encode  # nobody is looked at
    found = _read(sources, settings, encode, progress)
    understood = Understood(
        found.conversation, _user_view(sources, settings, found), found.summary()
    )
    with writing(kept):
        partial = kept.with_suffix(".partial")
        _save(understood, partial)
        partial.replace(kept)
    return understood


def inspect(
    sources: Recordings,
    picture: Path,
    *,
    settings: RenderSettings | None = None,
    progress: Listener = silent,
) -> dict[str, Any]:
    """Understand without rendering: draws the timeline to `picture` and returns the summary.

    Raises MediaError, ConversationError, OptionError, OutputError and their kinds.
    """
    check_output(picture, suffix=".png", force=True, inputs=sources.recordings.values())
    with threadpool_limits(1, "blas"):
        found = _read(sources, settings or RenderSettings(), None, progress)
    title = next(iter(sources.recordings.values())).name
    save_png(draw_timeline(found, title), picture)
    return found.summary()


def sound_of(sources: Sources, conversation: Conversation, settings: RenderSettings) -> Sound:
    """The sound of the finished video: the files' own where they can be used as they are."""
    avatar, user = sources.avatar_audio, sources.user_audio or sources.user_video
    if settings.sound == "none":
        return None
    if settings.sound == "avatar":
        return _files([avatar], settings) if avatar else _mixed([conversation.avatar])
    if sources.conversation is None:
        return _files([path for path in (user, avatar) if path is not None], settings)
    if avatar is None and user is None:
        return _files([sources.conversation], settings)
    return _mixed([conversation.avatar, conversation.user])


def _mixed(sides: list[Track]) -> Floats | None:
    heard = [to_sound(side.audio_S) for side in sides if side.audio_S is not None]
    return np.sum(heard, axis=0, dtype=np.float32) if heard else None


def _read(
    sources: Recordings,
    settings: RenderSettings,
    encode: Encode[Any] | None,
    progress: Listener,
) -> tracks.Understanding:
    return tracks.understand(
        tracks.Sources(**sources.recordings),
        sources.avatar,
        encode,
        start_s=settings.start_s,
        end_s=settings.end_s,
        progress=lambda done, total: progress(Progress("Understanding", done, total)),
    )


def _files(paths: list[Path], settings: RenderSettings) -> list[SoundFile] | None:
    infos = [probe(path) for path in paths]
    return [SoundFile(info, settings.start_s) for info in infos if info.audio is not None] or None


def _user_view(
    sources: Sources, settings: RenderSettings, found: tracks.Understanding
) -> UserView | None:
    video = _user_video(sources)
    if video is None or found.user is None or found.user.track is None:
        return None
    face = found.user.track
    box = Box(*np.median(face.box_T4[face.present_T], axis=0).tolist())
    return UserView(video, frames_in(settings.start_s), box)


def _user_video(sources: Sources) -> Path | None:
    return sources.user_video or sources.conversation


def _save(understood: Understood, path: Path) -> None:
    conversation, view = understood.conversation, understood.user_view
    arrays = {
        f"{side}.{name}": value
        for side, track in (("avatar", conversation.avatar), ("user", conversation.user))
        for name, value in (
            ("audio_S", track.audio_S),
            ("motion_TD", track.motion_TD),
            ("present_T", track.present_T),
        )
        if value is not None
    }
    plain = {
        "frames": conversation.frames,
        "summary": understood.summary,
        "user_view": None if view is None else {"at": view.start_frame, "face": asdict(view.face)},
    }
    with ZipFile(path, "w") as archive:  # np.savez leaves its own open when the disk is full
        for name, array in {"plain": np.array(json.dumps(plain)), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.save(member, array, allow_pickle=False)


def _load(path: Path, sources: Sources) -> Understood:
    with np.load(path, allow_pickle=False) as stored:
        plain = json.loads(str(stored["plain"]))
        arrays = {name: stored[name] for name in stored.files if name != "plain"}
    sides = [
        Track(*(arrays.get(f"{side}.{name}") for name in ("audio_S", "motion_TD", "present_T")))
        for side in ("avatar", "user")
    ]
    view, video = plain["user_view"], _user_video(sources)
    if view is not None and video is not None:
        view = UserView(video, view["at"], Box(**view["face"]))
    return Understood(Conversation(plain["frames"], *sides), view, plain["summary"])
