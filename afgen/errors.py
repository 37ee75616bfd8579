"""The error tree: what went wrong, whether trying again may help, and what to do about it.

    AfgenError
    +-- InputError            the user's files or options; exit code 2
    |   +-- MediaError        a recording or picture that cannot be used
    |   +-- PortraitError     a picture without exactly one usable face
    |   +-- ConversationError a recording in which the two people cannot be made out
    |   +-- UnusableClipError a clip of a training corpus from which nothing can be learned
    |   +-- OptionError       options that contradict each other
    |   +-- ManifestError     a list of renders that cannot be read, or a row of it
    |   +-- ShardsError       prepared samples that cannot be used
    |   +-- LicenceError      somebody else's terms that were not agreed to
    |   +-- AddressRefusedError a URL that the service does not speak to
    |   +-- FetchError        what a URL names could not be had
    |   +-- ScheduleError     a cron expression or time zone that makes no sense
    +-- OutputError           the result cannot be written; exit code 2
    +-- SetupError            the installation lacks something; exit code 3
    +-- WeightsError          weights are missing, damaged or do not fit; exit code 3
    +-- StorageError          the service's place for files; exit code 3
    +-- RequestError          the service will not do what was asked
    |   +-- NotFoundError     nothing of that name, or not of this tenant
    |   +-- ConflictError     not in its present state
    |   +-- QuotaError        more than the tenant is allowed
    |   +-- KeyRefusedError   no API key, or not one that is good for anything
    |   +-- ForbiddenError    the key is good, and not for this
    +-- LeaseError            a worker that may not go on with its job
    +-- UnavailableError      the database or the broker does not answer
    +-- ServiceError          what a service answered, or that it does not answer; exit code 4
    +-- TrainingDivergedError the loss of a training run is no longer a number; exit code 2
    +-- InternalError         a fault of ours; exit code 70

Core errors carry a stable `code`, never an HTTP status; front ends map them in one place.
"""

from collections.abc import Iterator
from typing import ClassVar


class AfgenError(Exception):
    """Base of all errors raised on purpose. `code` is stable; `hint` says what to do."""

    code: ClassVar[str] = "error"
    hint: ClassVar[str] = ""
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = hint if hint is not None else self.hint


def kinds(base: type[AfgenError] = AfgenError) -> Iterator[type[AfgenError]]:
    """Every kind of error, a parent before its children: a code that is inherited is its own."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


class InputError(AfgenError):
    """Something the user gave cannot be used."""

    code = "input"
    exit_code = 2


class MediaError(InputError):
    """A file that is not a usable picture or recording."""

    code = "media"


class FileMissingError(MediaError):
    """No file at that path."""

    code = "file_missing"
    hint = "Check the path."


class FileUnreadableError(MediaError):
    """The file exists but may not be read, or is a directory."""

    code = "file_unreadable"
    hint = "Check the file's permissions, and that it is a file and not a folder."


class EmptyFileError(MediaError):
    """The file has no bytes."""

    code = "file_empty"
    hint = "The file is empty: copy or export it again."


class NotMediaError(MediaError):
    """The bytes are not a picture or recording of any accepted kind."""

    code = "not_media"
    hint = (
        "Recordings: mp4, mov, mkv, webm, avi, wav, flac, mp3, m4a, ogg. Portraits: jpg, png, webp."
    )


class CorruptMediaError(MediaError):
    """The file starts well and then cannot be decoded."""

    code = "media_corrupt"
    hint = "The file is damaged or was cut off: export or download it again."


class UnsupportedMediaError(MediaError):
    """A container, codec or protocol that is not on the list of accepted ones."""

    code = "media_unsupported"
    hint = "Convert it to mp4 (H.264 + AAC), or a wav file for sound."


class MediaTooLargeError(MediaError):
    """More pixels, bytes or seconds than the limits allow."""

    code = "media_too_large"
    hint = "Scale it down or cut it, or raise the limit."


class MediaTooSmallError(MediaError):
    """Too few pixels to show anything."""

    code = "media_too_small"
    hint = "Use a larger picture."


class NoVideoError(MediaError):
    """A picture stream was needed and there is none."""

    code = "no_video"
    hint = "Give a recording with a picture, or pass this file as audio."


class NoAudioError(MediaError):
    """Sound was needed and there is none."""

    code = "no_audio"
    hint = "Give a recording with sound, or pass the sound with --avatar-audio."


class SilentAudioError(MediaError):
    """There is a sound track and nothing can be heard on it."""

    code = "audio_silent"
    hint = "Check that the microphone was on and the right channel was exported."


class MediaTimeoutError(MediaError):
    """The decoder did not finish within its limits."""

    code = "media_timeout"
    hint = "The file may be malformed; convert it to mp4 (H.264 + AAC) and try again."
    retryable = True


class PortraitError(InputError):
    """The portrait cannot be animated."""

    code = "portrait"


class NoFaceError(PortraitError):
    """No human face was found."""

    code = "no_face"
    hint = "Use a picture in which one face is clearly visible and looks roughly at the camera."


class SeveralFacesError(PortraitError):
    """More than one face was found."""

    code = "several_faces"
    hint = "Crop the picture to the person who is to be animated."


class FaceTooSmallError(PortraitError):
    """The face has too few pixels."""

    code = "face_too_small"
    hint = "Use a larger picture, or crop closer: the face should be at least 64 pixels wide."


class FaceTurnedAwayError(PortraitError):
    """The face is turned too far from the camera."""

    code = "face_turned_away"
    hint = "Use a picture in which the person looks roughly at the camera."


class ConversationError(InputError):
    """The two people of the recording cannot be made out."""

    code = "conversation"


class NoPersonError(ConversationError):
    """A person was asked for whom the recording does not show or let hear."""

    code = "no_person"
    hint = "Run `afgen inspect` on the recording to see what was found."


class AmbiguousRolesError(ConversationError):
    """It is unclear which person the avatar is to be."""

    code = "roles_ambiguous"
    hint = "Say who the avatar is with --avatar left|right|first|second."


class UnusableClipError(InputError):
    """A clip of a training corpus from which nothing can be learned."""

    code = "clip_unusable"
    hint = "Training clips show one face for at least a second, without long losses."


class OptionError(InputError):
    """Options that contradict each other or are out of range."""

    code = "option"
    hint = "See --help."


class LicenceError(InputError):
    """Somebody else's weights were to be imported without agreeing to their terms."""

    code = "licence_not_accepted"
    hint = "Read the terms, and pass --accept-licence if you agree to them."


class ManifestError(InputError):
    """A list of renders that cannot be read, or a row of it that makes no sense."""

    code = "manifest"
    hint = "See `afgen render-all --help` for the columns."


class ShardsError(InputError):
    """Prepared samples that cannot be used."""

    code = "shards"
    hint = "Make them again with `afgen prepare`."


class ShardsDamagedError(ShardsError):
    """An index or a shard that is not whole."""

    code = "shards_damaged"
    hint = "Copy the shards again, or make them again with `afgen prepare`."


class AddressRefusedError(InputError):
    """A URL of a kind, a host or a port that the service does not speak to."""

    code = "address_refused"
    hint = "Give an https:// URL of a public host, without a user name in it."


class FetchError(InputError):
    """What a URL names could not be had, and trying again would not help."""

    code = "fetch"
    hint = "Open the URL in a private browser window: it has to give the file itself."


class FetchInterruptedError(FetchError):
    """The other side did not answer, answered too slowly, or stopped."""

    code = "fetch_interrupted"
    hint = "Try again; if it stays, upload the file instead."
    retryable = True


class FetchTooLargeError(FetchError):
    """More bytes than are accepted."""

    code = "fetch_too_large"
    hint = "Cut the recording or encode it smaller."


class ScheduleError(InputError):
    """A cron expression or a time zone that makes no sense."""

    code = "schedule"
    hint = "Five fields, such as `30 2 * * 1-5`, and a zone such as Europe/Berlin."


class OutputError(AfgenError):
    """The result cannot be written."""

    code = "output"
    exit_code = 2


class OutputUnwritableError(OutputError):
    """The place for the result does not exist or may not be written."""

    code = "output_unwritable"
    hint = "Choose another place for the result, or make the folder writable."


class DiskFullError(OutputError):
    """The disk filled up while writing."""

    code = "disk_full"
    hint = "Free some space and run the command again with --resume."
    retryable = True


class SetupError(AfgenError):
    """The installation lacks something."""

    code = "setup"
    hint = "Run `afgen doctor`."
    exit_code = 3


class FfmpegMissingError(SetupError):
    """There is no ffmpeg to run, or it is too old or lacks x264."""

    code = "ffmpeg_missing"
    hint = "Install imageio-ffmpeg, or name an ffmpeg 5 or newer with libx264 in AFGEN_FFMPEG."


class AlreadyRunningError(SetupError):
    """Another process has the folder in which the service keeps its data."""

    code = "already_running"
    hint = "Stop the other one first, or choose another folder."


class TablesMissingError(SetupError):
    """The database answers, and the service's tables are not in it."""

    code = "tables_missing"
    hint = "Make them with `python -m migrations`; `afgen up` does so by itself."


class WeightsError(AfgenError):
    """Weights are missing, damaged, or do not fit the model."""

    code = "weights"
    exit_code = 3


class WeightsMissingError(WeightsError):
    """No weights are installed for this preset."""

    code = "weights_missing"
    hint = "Install afgen again, or make the weights with `afgen train`."


class WeightsDamagedError(WeightsError):
    """The file of the weights cannot be read."""

    code = "weights_damaged"
    hint = "The file is damaged or was cut off: install afgen again, or make the weights anew."


class WeightsMismatchError(WeightsError):
    """The weights' hash or keys are not those of the model."""

    code = "weights_mismatch"
    hint = "The weights are of another version: install afgen again, or make them anew."


class WeightsUnsafeError(WeightsError):
    """A file that would run code when it is opened."""

    code = "weights_unsafe"
    hint = "Do not open this file. Get the checkpoint from its authors."


class DownloadError(WeightsError):
    """Weights could not be fetched from the address that was given."""

    code = "download"
    hint = "Check the address in a browser, or download the file yourself and give its path."


class DownloadInterruptedError(DownloadError):
    """The connection failed or ended early; what has arrived is kept."""

    code = "download_interrupted"
    hint = "Run the same command again: it goes on where it stopped."
    retryable = True


class StorageError(AfgenError):
    """A file of the service cannot be stored or fetched."""

    code = "storage"
    exit_code = 3


class StorageUnavailableError(StorageError):
    """The store does not answer, or asks to be left alone for a while."""

    code = "storage_unavailable"
    hint = "Try again later; check that the store runs and can be reached."
    retryable = True


class StorageRefusedError(StorageError):
    """The store answers and refuses: credentials, permissions, or the bucket."""

    code = "storage_refused"
    hint = "Check the bucket's name and that the credentials may read and write it."


class BlobMissingError(StorageError):
    """No blob at that key."""

    code = "blob_missing"
    hint = "It was never stored, or has expired and was deleted: upload it again."


class BlobExistsError(StorageError):
    """A blob was to be stored only where there is none."""

    code = "blob_exists"
    hint = "Choose another key; what is stored there stays as it is."


class BlobDamagedError(StorageError):
    """The bytes that arrived are not those that were stored."""

    code = "blob_damaged"
    hint = "Try again; if it stays, the stored bytes have changed: upload them again."
    retryable = True


class BlobTooLargeError(StorageError):
    """More bytes than are read at once, or than were agreed."""

    code = "blob_too_large"
    hint = "Send as many bytes as were announced."


class BlobKeyError(StorageError):
    """Not the name of a blob."""

    code = "blob_key"
    hint = "Keys are letters, digits, dots, dashes and underscores, in folders."


class UploadMissingError(StorageError):
    """No upload of that id: completed, aborted, or never begun."""

    code = "upload_missing"
    hint = "Begin a new upload."


class UploadIncompleteError(StorageError):
    """The parts that arrived are not those that were to be joined."""

    code = "upload_incomplete"
    hint = "List the parts, and send those that are missing or differ."


class LinkRefusedError(StorageError):
    """A signed address that is not of ours, has expired, or is for another request."""

    code = "link_refused"
    hint = "Ask for a new address."


class RequestError(AfgenError):
    """The service will not do what was asked."""

    code = "request"
    exit_code = 2


class NotFoundError(RequestError):
    """There is nothing of that name, or it is somebody else's."""

    code = "not_found"
    hint = "Check the id, and that the API key is of the right tenant."


class ConflictError(RequestError):
    """It is not in a state in which this can be done."""

    code = "conflict"
    hint = "Look at its state first."


class AssetNotReadyError(ConflictError):
    """An upload that is not complete, was rejected, or has been deleted."""

    code = "asset_not_ready"
    hint = "Complete the upload first, or upload the file again."


class AssetInUseError(ConflictError):
    """A job that has not ended needs this upload."""

    code = "asset_in_use"
    hint = "Wait for the job, or cancel it."


class ItemKeyTakenError(ConflictError):
    """Two items of a batch have one key."""

    code = "item_key_taken"
    hint = "Give each item of the batch a key of its own."


class IdempotencyBusyError(ConflictError):
    """The first request with this key has not been answered yet."""

    code = "idempotency_busy"
    hint = "Send the same request again in a moment."
    retryable = True


class IdempotencyMismatchError(ConflictError):
    """The key was used before, for another request."""

    code = "idempotency_mismatch"
    hint = "Make a new Idempotency-Key for each new request."


class QuotaError(RequestError):
    """More jobs or bytes than the tenant may have at a time."""

    code = "quota_exceeded"
    hint = "Wait for jobs to finish, delete what is no longer needed, or ask for a larger quota."


class RateError(RequestError):
    """More requests than the tenant may make in so short a time."""

    code = "rate_limited"
    hint = "Wait as long as Retry-After says; RateLimit tells how much is left."
    retryable = True


class KeyRefusedError(RequestError):
    """No API key was given, or one that is unknown, revoked or expired."""

    code = "key_refused"
    hint = "Send `Authorization: Bearer afk_...`; `afgen keys create` makes a key."


class ForbiddenError(RequestError):
    """The API key does not allow this."""

    code = "scope_missing"
    hint = "Use a key that has the scope named here."


class CursorError(RequestError):
    """The cursor is not one that this list gave out."""

    code = "cursor"
    hint = "Begin without a cursor, and use next_cursor with the same filters."


class LeaseError(AfgenError):
    """A worker may not go on with its job."""

    code = "lease"


class LeaseLostError(LeaseError):
    """The job was given to another worker, or has ended: nothing may be written for it any more."""

    code = "lease_lost"
    hint = "Stop, and publish nothing."


class CancelRequestedError(LeaseError):
    """Somebody asked for the job to be canceled while it ran."""

    code = "cancel_requested"
    hint = "Stop, and confirm that the job is canceled."


class WorkerLostError(LeaseError):
    """The worker stopped without a word, as often as it was tried."""

    code = "worker_lost"
    hint = "Retry the job; if it happens again, the input may be too large for the machine."
    retryable = True


class HandedOverError(LeaseError):
    """Another worker goes on with the job."""

    code = "handed_over"
    hint = "Stop: what is made so far is kept for it."


class UnavailableError(AfgenError):
    """A part of the service does not answer."""

    code = "unavailable"
    hint = "Try again later."
    retryable = True


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer."""

    code = "database_unavailable"


class QueueUnavailableError(UnavailableError):
    """The message broker does not answer. Nothing is lost: what waits is sent later."""

    code = "queue_unavailable"


class ServiceError(AfgenError):
    """A service refused what it was asked, for a reason that has no type of its own here."""

    code = "service"
    hint = ""
    exit_code = 4


class ServiceUnreachableError(ServiceError):
    """Nobody answers at the address of the service, or not in time."""

    code = "service_unreachable"
    hint = "Is it running? `afgen up` starts one on this machine; --url says where another is."
    retryable = True


class InternalError(AfgenError):
    """A fault of ours."""

    code = "internal"
    hint = "Please report this with the command and its output."


class AttemptFailedError(InternalError):
    """A worker came upon a fault of ours, which need not come again."""

    code = "attempt_failed"
    hint = "Please report this with the job's id."
    retryable = True


class TrainingDivergedError(AfgenError):
    """The loss of a training run is no longer a number."""

    code = "training_diverged"
    hint = "Lower the learning rate and resume from the last checkpoint."
    exit_code = 2
