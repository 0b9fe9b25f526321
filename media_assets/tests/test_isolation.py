"""Whatever a job does, its caller gets a result or an error, in time, and nothing is left behind."""

import os
import random
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from media_assets.imaging import child
from media_assets.imaging.isolation import ROOT, DecodeFailed, Decoder, DecoderUnavailable, run_isolated
from media_assets.tests.pictures import PHOTOS, animated, drawn, encoded

HOSTILE = "media_assets.tests.hostile_jobs"
LIMITS = {"timeout": 20.0, "memory_bytes": 256 * 1024 * 1024, "cpu_seconds": 10}


@pytest.fixture
def hostile() -> Iterator[Decoder]:
    decoder = Decoder(HOSTILE, jobs_at_once=16)
    yield decoder
    decoder.close()


def _run(decoder: Decoder, job: str, arguments: dict[str, Any] | None = None, **limits: Any) -> dict[str, Any]:
    return decoder.run(job, arguments or {}, **{**LIMITS, **limits})


def _failure(decoder: Decoder, job: str, arguments: dict[str, Any] | None = None, **limits: Any) -> DecodeFailed:
    with pytest.raises(DecodeFailed) as caught:
        _run(decoder, job, arguments, **limits)
    assert caught.value.reason.endswith((".", ")")) or ":" in caught.value.reason
    return caught.value


def _wait_until(happened: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not (done := happened()) and time.monotonic() < end:
        time.sleep(0.02)
    return done


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_job_answers(hostile: Decoder) -> None:
    answer = _run(hostile, "echo", {"text": "grüße", "number": 3})

    assert (answer["text"], answer["number"]) == ("grüße", 3)
    assert answer["pid"] != os.getpid()
    assert answer["parent"] == hostile.pid


def test_the_helper_is_started_once(hostile: Decoder) -> None:
    first, second = (_run(hostile, "echo") for _ in range(2))

    assert first["parent"] == second["parent"]
    assert first["pid"] != second["pid"]


@pytest.mark.parametrize(
    "job, code, said",
    [
        ("crash", "crashed", f"signal {int(signal.SIGSEGV)}"),
        ("abort", "crashed", f"signal {int(signal.SIGABRT)}"),
        ("leave", "crashed", "status 7"),
        ("eat_memory", "memory", "more memory"),
        ("talk_rubbish", "crashed", "without an answer"),
        ("refuse", "crashed", "ValueError: this is no picture"),
    ],
)
def test_a_job_that_goes_wrong_fails(hostile: Decoder, job: str, code: str, said: str) -> None:
    failure = _failure(hostile, job)

    assert failure.code == code
    assert said in failure.reason
    assert _run(hostile, "echo")["parent"] == hostile.pid


@pytest.mark.parametrize("job", ["spin", "sleep", "ignore_signals", "close_everything", "talk_for_ever"])
def test_a_job_that_does_not_end_is_ended(hostile: Decoder, job: str) -> None:
    _run(hostile, "echo")
    start = time.monotonic()

    assert _failure(hostile, job, timeout=0.5).code == "timeout"
    assert time.monotonic() - start < 15


def test_processor_time_is_limited(hostile: Decoder) -> None:
    failure = _failure(hostile, "spin", cpu_seconds=1, timeout=120)

    assert failure.code == "timeout"
    assert "processor" in failure.reason


def test_an_endless_file_is_cut_off(hostile: Decoder, tmp_path: Path) -> None:
    target = tmp_path / "endless"

    assert _failure(hostile, "write_for_ever", {"path": str(target)}).code == "crashed"
    assert target.stat().st_size <= child.MAX_FILE_BYTES


def test_what_a_job_started_ends_with_it(hostile: Decoder, tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    _run(hostile, "leave_a_process", {"mark": str(mark)}, memory_bytes=1024**3)

    assert _wait_until(lambda: _is_gone(int(mark.read_text())))


def test_a_job_sees_no_secrets_no_files_and_no_django(hostile: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "a secret")

    seen = _run(hostile, "see")

    assert "a secret" not in seen["environment"].values()
    assert set(seen["descriptors"]) == {0, 1, 2, 3}
    assert seen["nice"] >= child.NICENESS
    assert not {"django", "PIL", "boto3"} & set(seen["modules"])


def test_an_unknown_job_says_nothing_of_the_picture(hostile: Decoder) -> None:
    with pytest.raises(DecoderUnavailable, match="no job 'nothing'"):
        _run(hostile, "nothing")
    assert _run(hostile, "echo")


def test_jobs_module_that_does_not_load_is_unavailable() -> None:
    with pytest.raises(DecoderUnavailable):
        _run(Decoder("media_assets.tests.no_such_module"), "echo")


def test_many_threads_at_once(hostile: Decoder) -> None:
    def one(number: int) -> int:
        if number % 4 == 3:
            assert _failure(hostile, "crash").code == "crashed"
            return number
        return int(_run(hostile, "echo", {"number": number})["number"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(64))) == list(range(64))
    assert hostile.pid
    assert psutil.Process(hostile.pid).children() == []


def test_no_more_jobs_at_once_than_allowed() -> None:
    decoder = Decoder(HOSTILE, jobs_at_once=2)
    try:
        _run(decoder, "echo")
        start = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: _run(decoder, "sleep", {"seconds": 0.4}), range(4)))
        assert time.monotonic() - start >= 0.8
    finally:
        decoder.close()


def test_a_helper_killed_while_idle_is_replaced(hostile: Decoder) -> None:
    before = _run(hostile, "echo")["parent"]
    os.kill(before, signal.SIGKILL)

    after = _run(hostile, "echo")["parent"]

    assert after != before
    assert not psutil.pid_exists(before), "it was not reaped"


def test_a_helper_killed_at_work_fails_its_jobs_and_is_replaced(hostile: Decoder, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        marks = [tmp_path / str(number) for number in range(3)]
        jobs = [pool.submit(_run, hostile, "sleep", {"mark": str(mark)}) for mark in marks]
        assert _wait_until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
        os.kill(hostile.pid or 0, signal.SIGKILL)
        for job in jobs:
            with pytest.raises(DecoderUnavailable):
                job.result(timeout=10)

    pids = [int(mark.read_text().split()[0]) for mark in marks]
    assert _run(hostile, "echo")
    assert _wait_until(lambda: all(map(_is_gone, pids)))


def test_a_job_that_kills_its_helper_is_not_tried_again_and_again(hostile: Decoder) -> None:
    with pytest.raises(DecoderUnavailable):
        _run(hostile, "kill_the_helper")
    assert _run(hostile, "echo")


def test_a_helper_that_hangs_is_ended(hostile: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_assets.imaging.isolation.GRACE_SECONDS", 0.3)
    monkeypatch.setattr("media_assets.imaging.isolation.START_SECONDS", 0.3)
    pid = _run(hostile, "echo")["parent"]
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(DecoderUnavailable, match="hangs"):
        _run(hostile, "echo", timeout=0.3)

    assert not psutil.pid_exists(pid)
    monkeypatch.undo()
    assert _run(hostile, "echo")["parent"] != pid


def test_close_leaves_no_process(hostile: Decoder) -> None:
    pid = _run(hostile, "echo")["parent"]

    hostile.close()

    assert not psutil.pid_exists(pid)
    assert hostile.pid is None


def test_after_a_fork_each_process_has_its_own_helper(hostile: Decoder) -> None:
    ours = _run(hostile, "echo")["parent"]
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(_run(hostile, "echo")["parent"]).encode())
            hostile.close()
        finally:
            os._exit(0)
    os.close(write)
    theirs = int(os.read(read, 64))
    os.close(read)
    os.waitpid(pid, 0)

    assert theirs != ours
    assert _run(hostile, "echo")["parent"] == ours
    assert _wait_until(lambda: _is_gone(theirs))


def test_a_fork_while_threads_are_at_work_does_not_hang(hostile: Decoder) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(_run, hostile, "sleep", {"seconds": 0.5}) for _ in range(4)]
        time.sleep(0.1)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if _run(hostile, "echo") else 1
                hostile.close()
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert [job.result()["slept"] for job in jobs] == [0.5] * 4


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    script = f"""
from media_assets.imaging.isolation import Decoder
Decoder({HOSTILE!r}).run("sleep", {{"mark": {str(mark)!r}}}, timeout=600, memory_bytes=2**28, cpu_seconds=60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    assert _wait_until(lambda: mark.exists() and bool(mark.read_text()))
    job, helper = map(int, mark.read_text().split())
    assert not _is_gone(job)

    parent.kill()
    parent.wait()

    assert _wait_until(lambda: _is_gone(job) and _is_gone(helper))


def _mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Bytes changed, cut out, doubled or overwritten, mostly after the first few."""
    chance = random.Random(seed)
    for _ in range(count):
        mutated = bytearray(data)
        for _ in range(chance.choice((1, 2, 8, 40))):
            place = chance.randrange(len(mutated))
            length = chance.choice((1, 1, 2, 4, 16))
            match chance.randrange(4):
                case 0:
                    mutated[place : place + length] = chance.randbytes(length)
                case 1:
                    del mutated[place : place + length]
                case 2:
                    mutated[place:place] = mutated[place : place + length * 4]
                case _:
                    mutated[place : place + length] = chance.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
            mutated = mutated or bytearray(b"\x00")
        yield bytes(mutated)


def _with_right_sums(data: bytes) -> bytes:
    """A PNG whose chunks' checksums fit again, so that more than their check is reached."""
    mended, position = bytearray(data), 8
    while position + 12 <= len(mended):
        end = position + 8 + int.from_bytes(mended[position : position + 4], "big")
        mended[end : end + 4] = zlib.crc32(mended[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return bytes(mended)


def _seeds() -> list[tuple[str, str, bytes]]:
    """Name, content type and bytes of what is mutated."""
    drawings = [
        ("jpeg", "image/jpeg", encoded(drawn(size=(96, 64)), "JPEG")),
        ("jpeg-progressive", "image/jpeg", encoded(drawn(size=(96, 64)), "JPEG", progressive=True)),
        ("jpeg-cmyk", "image/jpeg", encoded(drawn("CMYK", (96, 64)), "JPEG")),
        ("png", "image/png", encoded(drawn("RGBA", (96, 64)), "PNG")),
        ("png-palette", "image/png", encoded(drawn("P", (96, 64)), "PNG")),
        ("webp", "image/webp", encoded(drawn("RGBA", (96, 64)), "WEBP")),
        ("webp-lossless", "image/webp", encoded(drawn("RGBA", (96, 64)), "WEBP", lossless=True)),
        ("webp-animated", "image/webp", animated("WEBP")),
        ("gif", "image/gif", animated("GIF", mode="P")),
        ("gif-larger-canvas", "image/gif", animated("GIF", mode="P").replace(b"0\x00 \x00", b"\x80\x02\xe0\x01", 1)),
        ("avif", "image/avif", encoded(drawn("RGBA", (96, 64)), "AVIF")),
    ]
    photos = [PHOTOS / "gps_nikon.jpg", PHOTOS / "small_canon.jpg", PHOTOS / "bad_exif.jpg"]
    return drawings + [(path.stem, "image/jpeg", path.read_bytes()) for path in photos if path.is_file()]


@pytest.mark.parametrize("name, content_type, data", [pytest.param(*seed, id=seed[0]) for seed in _seeds()])
def test_mutated_pictures_end_as_result_or_refusal(name: str, content_type: str, data: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for mutated in _mutations(data, 12 if name == "avif" else 40, seed=5):
        source.write_bytes(_with_right_sums(mutated) if content_type == "image/png" else mutated)
        arguments: dict[str, Any] = {"source": str(source), "max_pixels": 4_000_000}
        if name == "avif":
            job, more = "to_jpeg", {"target": str(tmp_path / "target.jpg")}
        else:
            job, more = "make_variants", {"folder": str(tmp_path), "widths": [16, 40], "content_type": content_type}
            more["orientation"] = 6
        try:
            result = run_isolated(job, {**arguments, **more}, timeout=5, memory_bytes=192 * 1024**2, cpu_seconds=5)
        except DecodeFailed as failure:
            assert failure.code in ("refused", "crashed", "memory", "timeout")
        else:
            assert result["width"] > 0
