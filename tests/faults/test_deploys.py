"""What happens to a stack of two webs: a deploy that is interrupted, and one of them killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.host.compose import SLOTS, inspected
from tests.deployed import Deployed, deployed
from tests.faults.processes import children
from tests.stack import docker, wait_until
from tests.steady import failed

pytestmark = pytest.mark.stack

# Seconds after which a deploy is interrupted, at most: with a machine at rest, most of one.
LONGEST, TIMES = 50, 6
# Of a container with 512m.
GREEDY = "x = []\nwhile True: x.append(b'x' * (8 << 20))"


@pytest.fixture(scope="module")
def copy() -> Iterator[Deployed]:
    with deployed(f"timestack-deploys-{os.getpid()}") as made:
        done = made.deploy(made.version("0"))
        assert done.returncode == 0, done.stderr
        yield made


def test_a_deploy_is_interrupted_at_random_points_and_run_again(copy: Deployed) -> None:
    chance = random.Random()
    told = []
    with copy.load() as load:
        for number in range(1, TIMES + 1):
            tag = copy.version(str(number))
            seconds = chance.uniform(1, LONGEST)
            how = chance.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
            told.append(f"{how.name} after {seconds:.1f} s")
            copy.interrupted(tag, seconds, how)
            assert copy.webs, told
            done = copy.deploy(tag)
            assert done.returncode == 0, f"{told}\n{done.stderr}"
            assert copy.webs == [tag, tag], told
            assert set(copy.tags("worker", "beat", "flower")) == {tag}, told
        done = copy.make("rollback")
        assert done.returncode == 0, done.stderr
        assert copy.webs == [copy.made[-2]] * 2
    assert failed(load.answers) == [], told


def webs(copy: Deployed) -> list[dict]:
    return [
        each
        for each in inspected(*copy.containers)
        if each["Config"]["Labels"]["com.docker.compose.service"] in SLOTS
        and each["State"]["Running"]
    ]


def test_a_web_runs_out_of_memory_while_the_other_serves(copy: Deployed) -> None:
    victim = webs(copy)[0]
    [main] = children(victim["State"]["Pid"])
    [process] = children(main)
    # Of the processes in there, the kernel is to choose the one that answers requests.
    Path(f"/proc/{process}/oom_score_adj").write_text("1000")
    with copy.load() as load:
        time.sleep(3)
        greedy = ["docker", "exec", victim["Id"], "python", "-c", GREEDY]
        subprocess.run(greedy, capture_output=True, check=False)
        died = time.monotonic()
        wait_until(lambda: not Path(f"/proc/{process}").exists(), "the kernel has ended it")
        time.sleep(10)
    # Those that it had begun are lost; nothing later is.
    assert len(failed(load.answers)) <= 16
    assert not failed(load.between(died + 3, time.monotonic()))


def test_a_web_is_killed_while_the_other_serves(copy: Deployed) -> None:
    victim = webs(copy)[0]
    [main] = children(victim["State"]["Pid"])
    with copy.load() as load:
        time.sleep(3)
        os.kill(main, signal.SIGKILL)
        killed = time.monotonic()

        def is_back() -> bool:
            found = inspected(victim["Id"])[0]
            return found["RestartCount"] > victim["RestartCount"] and (
                found["State"]["Health"]["Status"] == "healthy"
            )

        wait_until(is_back, "the engine has started it again", deadline=120)
        docker("exec", victim["Id"], "python", "-m", "timestack.serving")
    assert len(failed(load.answers)) <= 16
    assert not failed(load.between(killed + 3, time.monotonic()))
