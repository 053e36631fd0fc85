"""The reference page of tasks has what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.actuator.test_actions import a_task

from crossfade_actuator.actions.port import TaskFailed
from crossfade_actuator.actions.registry import TASKS, work_of

PAGE = (Path(__file__).parents[2] / "docs/reference/tasks.md").read_text()
SECTIONS = {
    part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
REQUIRED = {
    "common/exec": {"cmd": "x"},
    "common/bash": {"script": "x"},
    "common/promote-kubectl": {"manifest": "x"},
    "common/readiness": {},
    "metrics/collect": {"versions": [{"name": "a", "url": "http://x"}]},
    "notification/http": {"URL": "http://x"},
    "notification/slack": {"channel": "C", "secret": "s"},
    "notification/github-workflow": {"repository": "o/n", "workflow": "w", "secret": "s"},
    "gitops/helmex-update": {"gitRepo": "https://x", "filePath": "v", "username": "u"},
}


def test_every_task_has_a_section_and_every_section_a_task():
    assert set(SECTIONS) - {"What holds for every task"} == {*TASKS, "run"}


@pytest.mark.parametrize("name", TASKS)
def test_required_inputs_are_those_of_the_page(name):
    rows = re.findall(r"^\| `(\w+)` \| (required)?", SECTIONS[name], flags=re.MULTILINE)
    required = {field for field, must in rows if must}
    assert required == set(REQUIRED[name])
    work_of(a_task(task=name, **{"with": REQUIRED[name]}))
    for field in required:
        left = {k: v for k, v in REQUIRED[name].items() if k != field}
        with pytest.raises(TaskFailed, match=f"with.{field}: found"):
            work_of(a_task(task=name, **{"with": left}))
