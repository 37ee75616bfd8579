"""The inputs of a job as files: uploads from the store, URLs from where they lead."""

from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from afgen.errors import AssetNotReadyError
from afgen.jobs.ids import Kind, is_id
from afgen.jobs.outbound import Limits
from afgen.jobs.spec import JobSpec
from afgen.jobs.tables import Asset
from workers.holds import Hold
from workers.patience import patiently
from workers.workshop import Workshop


def fetch_inputs(shop: Workshop, hold: Hold, spec: JobSpec, folder: Path) -> dict[str, Path]:
    """All inputs of a job by role, in `folder`.

    Raises AssetNotReadyError, StorageError, FetchError, AddressRefusedError, LeaseError.
    """
    tenant, inputs = hold.job.tenant_id, spec.inputs
    wanted = sorted(inputs.asset_ids)
    assets = patiently(hold, lambda: shop.store.assets.by_ids(tenant, wanted))
    files: dict[str, Path] = {}
    for role, reference in inputs.by_role.items():
        files[role] = folder / f"{role}{_ending(reference, assets)}"
        if is_id(Kind.ASSET, reference):
            asset = _ready(assets, reference)
            get = partial(shop.blobs.get, asset.blob_key, files[role], sha256=asset.sha256)
            patiently(hold, get)
        else:
            limits = Limits(most_bytes=shop.settings.max_asset_bytes)
            hold.check()
            shop.outbound.download(reference, files[role], limits, lambda _: hold.check())
    return files


def _ready(assets: dict[str, Asset], asset_id: str) -> Asset:
    asset = assets.get(asset_id)
    if asset is None or asset.state != "ready":
        raise AssetNotReadyError(f"The upload {asset_id} is not there.")
    return asset


def _ending(reference: str, assets: dict[str, Asset]) -> str:
    """The ending of a file's name: decoders like to see one, and trust it no more than we do."""
    asset = assets.get(reference)
    name = urlsplit(reference).path if asset is None else asset.filename
    ending = PurePosixPath(name).suffix.lower()
    return ending if ending.isascii() and ending[1:].isalnum() and len(ending) <= 6 else ""
