"""Where what lies in the store of files."""


def input_key(tenant_id: str, asset_id: str, name: str) -> str:
    """The file of an upload."""
    return f"inputs/{tenant_id}/{asset_id}/{name}"


def work_prefix(job_id: str) -> str:
    """All that is half-made of a job."""
    return f"work/{job_id}/"


def outputs_prefix(tenant_id: str, job_id: str) -> str:
    """All that was made for a job."""
    return f"outputs/{tenant_id}/{job_id}/"


def attempt_prefix(tenant_id: str, job_id: str, lease_token: int) -> str:
    """What one lease has made: nobody else writes there, and the job's row says which counts."""
    return f"{outputs_prefix(tenant_id, job_id)}{lease_token}/"
