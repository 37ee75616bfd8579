"""Requests at a fixed rate, in a process of their own: `python -m afgen.jobs.bench.load URL`.

The load is open: a request begins when it is due, whatever became of those before it, and its time
counts from that moment. A client that waited for answers would ask less of a slow service and so
flatter it (Schroeder et al., "Open Versus Closed: A Cautionary Tale", NSDI 2006).
"""

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

KEY_ENV: Final = "AFGEN_API_KEY"
_THREADS: Final = 64  # requests that can be under way at once
_TIMEOUT_S: Final = 30.0
_KNOWN: Final = 50  # jobs that are there when the load begins
_ADDRESS: Final = "https://media.example.com"
_JOB: Final = {"inputs": {"portrait": f"{_ADDRESS}/me.jpg", "conversation": f"{_ADDRESS}/call.mp4"}}
_UPLOAD: Final = {"kind": "recording", "filename": "call.mp4", "bytes": 1 << 20}

# How often each call is made of a hundred; `{job}` and `{batch}` are among those that are there.
MIX: Final[Mapping[tuple[str, str], int]] = {
    ("GET", "/v1/jobs/{job}"): 36,
    ("GET", "/v1/jobs?limit=50"): 16,
    ("GET", "/v1/jobs?state=queued&limit=20"): 8,
    ("POST", "/v1/jobs"): 10,
    ("POST", "/v1/uploads"): 8,
    ("GET", "/v1/assets?limit=20"): 6,
    ("GET", "/v1/batches/{batch}"): 6,
    ("GET", "/v1/usage"): 4,
    ("POST", "/v1/jobs/{job}/cancel"): 2,
    ("GET", "/healthz"): 4,
}
_BODIES: Final = {"/v1/jobs": _JOB, "/v1/uploads": _UPLOAD}


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a load. Times are in milliseconds, from when a request was due."""

    requests: int
    per_s: float  # answers, from the first request's time to the last answer
    errors: int  # answers of 400 and more, and none at all
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    slowest_calls: Mapping[str, float]  # p99 of each kind of call
    error_kinds: Mapping[str, int]  # by call and status; status 0 is no answer


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    name: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request ended, and how long after it was due."""

    name: str
    status: int
    took_s: float
    at_s: float  # of the answer, since the load began

    @property
    def failed(self) -> bool:
        """Whether it was refused, or not answered at all."""
        return not 200 <= self.status < 400


def run_load(url: str, token: str, *, rate_hz: float = 100.0, seconds: float = 60.0) -> Figures:
    """Put a load on the API at `url` from another process, whose time is not the caller's."""
    command = [sys.executable, "-m", "afgen.jobs.bench.load", url, str(rate_hz), str(seconds)]
    done = subprocess.run(
        command, env={**os.environ, KEY_ENV: token}, stdout=subprocess.PIPE, check=True
    )
    return Figures(**json.loads(done.stdout))


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The least value that so large a share is not above (nearest rank)."""
    rank = -int(-share * len(sorted_values) // 1)
    return sorted_values[max(rank, 1) - 1]


def figures_of(answers: Sequence[Answered]) -> Figures:
    """What the answers come to."""
    took_ms = sorted(one.took_s * 1000 for one in answers)
    failed = Counter(f"{one.name}: {one.status}" for one in answers if one.failed)
    by_name = {
        name: sorted(one.took_s * 1000 for one in answers if one.name == name)
        for name in sorted({one.name for one in answers})
    }
    return Figures(
        requests=len(answers),
        per_s=round(len(answers) / max(one.at_s for one in answers), 1),
        errors=failed.total(),
        p50_ms=round(percentile(took_ms, 0.50), 1),
        p95_ms=round(percentile(took_ms, 0.95), 1),
        p99_ms=round(percentile(took_ms, 0.99), 1),
        longest_ms=round(took_ms[-1], 1),
        slowest_calls={name: round(percentile(ms, 0.99), 1) for name, ms in by_name.items()},
        error_kinds=dict(failed.most_common()),
    )


def mixed(count: int, jobs: Sequence[str], batch: str, seed: int = 0) -> Iterator[Call]:
    """`count` calls in the proportions of MIX, the same ones for the same seed."""
    dice = random.Random(seed)
    for method, path in dice.choices(list(MIX), list(MIX.values()), k=count):
        filled = path.format(job=dice.choice(jobs), batch=batch)
        yield Call(f"{method} {path}", method, filled)


class Requests:
    """Requests of many threads, each with a connection of its own that is kept open."""

    def __init__(self, url: str, token: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._of_thread = threading.local()

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of the answer; status 0 if there was none."""
        connection: http.client.HTTPConnection | None = getattr(self._of_thread, "kept", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
            self._of_thread.kept = connection
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, self._headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, b""

    def made(self, path: str, body: Any) -> str:
        """The id of what was made. Raises RuntimeError if nothing was."""
        status, answer = self.send("POST", path, body)
        if status != 201:
            raise RuntimeError(f"POST {path} answered {status}: {answer.decode(errors='replace')}")
        return str(json.loads(answer)["id"])


def offer(requests: Requests, calls: Sequence[Call], rate_hz: float) -> list[Answered]:
    """Make each call when it is due, and wait for all answers."""
    began = time.perf_counter() + 0.1

    def answer(call: Call, due: float) -> Answered:
        body = _BODIES.get(call.path) if call.method == "POST" else None
        status, _ = requests.send(call.method, call.path, body)
        now = time.perf_counter()
        return Answered(call.name, status, now - due, now - began)

    with ThreadPoolExecutor(_THREADS) as pool:
        pending = []
        for number, call in enumerate(calls):
            due = began + number / rate_hz
            time.sleep(max(0.0, due - time.perf_counter()))
            pending.append(pool.submit(answer, call, due))
        return [one.result() for one in pending]


def main(url: str, rate_hz: float, seconds: float) -> None:
    """Make a few things, put the load on, and print the figures as JSON."""
    requests = Requests(url, os.environ[KEY_ENV])
    jobs = [requests.made("/v1/jobs", _JOB) for _ in range(_KNOWN)]
    items = [{"key": f"item-{number}", "job": _JOB} for number in range(_KNOWN)]
    batch = requests.made("/v1/batches", {"name": "load", "items": items})
    calls = list(mixed(round(rate_hz * seconds), jobs, batch))
    answers = offer(requests, calls, rate_hz)
    sys.stdout.write(json.dumps(asdict(figures_of(answers))))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
