"""`make run` works, or says before it changes anything what to do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from requirements import set_up
from tests.requirements.small_project import UV, Project
from tests.support.places import ROOT

pytestmark = pytest.mark.long

fcntl = pytest.importorskip("fcntl", reason="the Makefile is not for Windows")

CHINESE = {"LANGUAGE": "", "LC_ALL": "zh_CN.UTF-8", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.made(tmp_path)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that is set up; making an environment takes seconds."""
    project = Project.made(tmp_path_factory.mktemp("pattern"))
    project.starts()
    return project


@pytest.fixture
def ready(pattern: Project, project: Project) -> Project:
    """A copy of it."""
    venv = project.folder / ".venv"
    shutil.copytree(pattern.folder / ".venv", venv, symlinks=True)
    project.starts()
    return project


def test_the_first_start_says_what_it_fetches_and_the_second_asks_nobody(project: Project) -> None:
    project.embedded(good=True)
    said = project.starts("make", "run", "ARGS=--port 9000")
    assert "requirements.txt and requirements/embedded.txt" in said
    assert " MB, about " in said.partition("Collecting")[0]
    assert "On the disk: 1." in said.partition("Collecting")[0]
    assert f"served by {project.folder / '.venv'} --port 9000" in said
    again = project.starts(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert again == f"served by {project.folder / '.venv'}\n"


def test_what_changed_is_installed(ready: Project) -> None:
    with (ready.folder / "requirements.txt").open("a") as file:
        file.write("small_model\n")
    ready.embedded(good=True)
    ready.starts()
    ready.starts(str(ready.python), "-c", "import small_model")


def test_an_extra_is_added_by_its_name_and_kept_up_to_date(ready: Project) -> None:
    own = ready.folder / "requirements" / "own.txt"
    own.write_text("small_model\n")
    ready.embedded(good=True)
    (ready.folder / "requirements" / "embedded.txt").unlink()
    assert "requirements/own.txt" in ready.starts("make", "run", "WITH=own", "ARGS=--port 9000")
    ready.starts(str(ready.python), "-c", "import small_model")
    assert ready.starts() == f"served by {ready.folder / '.venv'}\n"
    own.write_text("small_model>=1\n")
    assert "requirements/own.txt" in ready.starts()
    said = ready.refuses("make", "run", "WITH=onw")
    assert said == ("error: There is no requirements/onw.txt. Did you mean own? Choose one of own.")


def test_a_profile_is_handed_to_the_server(ready: Project) -> None:
    said = ready.starts("make", "run", "PROFILE=local", "YES=1", "ARGS=--port 9000")
    assert said.endswith(".venv --profile local --install --yes --port 9000\n")


@pytest.mark.parametrize("told", [["PROFILE=lokal"], ["REALTIME_PROFILE=lokal"]])
def test_a_misspelt_profile_is_refused_before_anything(project: Project, told: list[str]) -> None:
    said = project.refuses("env", told[0], "make", "run", *told)
    assert said.startswith("error: There is no profile 'lokal'. Did you mean local? Choose one of ")
    assert not (project.folder / ".venv").exists()


def test_what_may_fail_is_one_line_with_reason_and_remedy(project: Project) -> None:
    project.embedded(good=False)
    said = project.starts()
    [warning] = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in warning
    assert "pocketsphinx" in warning
    assert warning.endswith("make setup")
    again = project.starts(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert again.splitlines()[:-1] == [warning]
    project.embedded(good=True)
    mended = project.starts("make", "setup")
    assert "warning: requirements" not in mended
    project.starts(str(project.python), "-c", "import small_model")


# --- environments that are half made ---


def no_pip(venv: Path) -> None:
    for found in venv.glob("lib/python*/site-packages/pip*"):
        shutil.rmtree(found)
    (venv / ".installed.json").unlink()


def no_python(venv: Path) -> None:
    for found in venv.glob("bin/python*"):
        found.unlink()


def interrupted(venv: Path) -> None:
    (venv / ".unfinished").touch()
    shutil.rmtree(next(venv.glob("lib/python*/site-packages/small_library-1.0.dist-info")))


def other_version(venv: Path) -> None:
    python = venv / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\necho True 3 9\n")
    python.chmod(0o755)


def unreadable_note(venv: Path) -> None:
    (venv / ".installed.json").write_text("{")


def nothing_in_it(venv: Path) -> None:
    shutil.rmtree(venv)
    venv.mkdir()


def test_what_was_complete_once_is_repaired_and_not_removed(ready: Project) -> None:
    venv = ready.folder / ".venv"
    (venv / "kept").touch()
    (venv / ".unfinished").write_text("kept")
    [module] = venv.glob("lib/python*/site-packages/small_library.py")
    module.unlink()
    assert "served by" in ready.starts()
    assert module.exists()
    assert (venv / "kept").exists()
    # Nothing could be installed: all is as it was.
    (ready.folder / "requirements.txt").write_text("small_library\nnobody_has_this\n")
    ready.refuses()
    assert not (venv / ".unfinished").exists()
    assert (venv / "kept").exists()


@pytest.mark.parametrize(
    "damage",
    [no_pip, no_python, interrupted, other_version, unreadable_note, nothing_in_it],
    ids=lambda damage: damage.__name__,
)
def test_a_half_made_environment_is_mended(ready: Project, damage) -> None:
    damage(ready.folder / ".venv")
    said = ready.starts()
    assert "served by" in said
    assert "Setting up" in said
    assert "Setting up" not in ready.starts()


def test_one_made_by_uv_is_used_as_it_is(project: Project) -> None:
    subprocess.run(
        [str(UV), "venv", "--python", "python3", ".venv"], cwd=project.folder, check=True
    )
    kept = project.folder / ".venv" / "kept"
    kept.touch()
    project.starts()
    assert kept.exists()


def test_a_folder_that_was_moved_is_mended_without_the_network(ready: Project) -> None:
    old = ready.folder
    ready.folder = old.rename(old.parent / "moved")
    said = ready.starts(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert said == f"served by {ready.folder / '.venv'}\n"
    done = ready.starts(str(ready.folder / ".venv" / "bin" / "pip"), "--version")
    assert str(ready.folder) in done


def test_a_file_in_its_place_is_left_alone(project: Project) -> None:
    (project.folder / ".venv").write_text("precious")
    assert "is a file: move it away" in project.refuses()
    assert (project.folder / ".venv").read_text() == "precious"


def test_a_link_is_removed_and_not_what_it_leads_to(project: Project) -> None:
    other = project.folder.parent / "other"
    other.mkdir()
    (other / "precious").touch()
    (project.folder / ".venv").symlink_to(other)
    project.starts()
    assert (other / "precious").exists()


def test_two_do_not_set_up_at_the_same_time(ready: Project) -> None:
    venv = ready.folder / ".venv"
    (venv / "kept").touch()
    held = os.open(ready.folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    # What is complete can be used meanwhile.
    assert "served by" in ready.starts()
    no_python(venv)
    said = ready.refuses()
    assert "another command is setting up" in said
    assert "made anew" not in said
    assert (venv / "kept").exists()
    (venv / ".unfinished").touch()
    assert "another command is setting up" in ready.refuses()
    os.close(held)
    assert "made anew" in ready.starts()


def test_two_at_once_where_nothing_is_there(project: Project) -> None:
    both = [
        subprocess.Popen(
            ["make", "run"],
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    refused = [text for text in said if "another command is setting up" in text]
    assert len(refused) == 1, said
    assert sum("Setting up" in text for text in said) == 1, said


def test_ctrl_c_stops_it_and_it_can_be_repeated(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as index:
        mirror = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        running = subprocess.Popen(
            ["make", "run"],
            cwd=project.folder,
            env={**project.environment, "PIP_INDEX_URL": mirror},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Where the tests run in the background, it would be ignored from the beginning.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        asked, _ = index.accept()
        asked.recv(1000)
        asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        asked.close()
        # pip asks next, and waits for ever.
        hanging, _ = index.accept()
        assert project.interrupted(running) != 0
        hanging.close()
        assert running.stdout is not None
        said = running.stdout.read()
        running.stdout.close()
    assert "Stopped. To go on, repeat the command." in said
    assert "made anew: setting it up was interrupted" in project.starts()


# --- who installs ---


def test_without_venv_and_uv_it_says_what_to_do_before_it_changes_anything(
    project: Project,
) -> None:
    project.without("ensurepip", "pip")
    said = project.refuses(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert "no ensurepip" in said
    assert "sudo apt install python3-venv" in said or "Install uv" in said
    assert "Nothing was changed." in said
    assert not (project.folder / ".venv").exists()


def test_once_the_remedy_is_taken_it_works_over_what_there_is(project: Project) -> None:
    """As an older `make run` left it: an environment without pip."""
    project.starts("python3", "-m", "venv", "--without-pip", ".venv")
    project.without("ensurepip", "pip")
    assert "no ensurepip" in project.refuses()
    del project.environment["PYTHONPATH"]
    assert "served by" in project.starts()


def test_uv_is_enough_and_takes_the_mirror_of_pip(project: Project) -> None:
    project.without("ensurepip", "pip")
    project.with_uv()
    project.embedded(good=True)
    mirror = project.environment.pop("PIP_INDEX_URL")
    config = Path(project.environment["HOME"]) / ".config" / "pip"
    config.mkdir(parents=True)
    (config / "limits.txt").write_text("another<2\n")
    limits = f"constraint = {config / 'limits.txt'}"
    (config / "pip.conf").write_text(f"[global]\nindex-url = {mirror}\n{limits}\n")
    said = project.starts()
    assert "by uv" in said
    assert "uv could not" not in said
    assert "served by" in said
    project.starts(str(project.python), "-c", "import small_model, pip")


def test_the_pip_of_the_system_is_enough(project: Project) -> None:
    project.without("ensurepip")
    if project.run("python3", "-c", "import pip").returncode:
        pytest.skip("the Python of this system has no pip")
    assert "served by" in project.starts()


def test_where_uv_fails_pip_has_the_last_word(project: Project) -> None:
    uv = project.programs / "uv"
    uv.write_text("#!/bin/sh\necho uv knows no such thing >&2\nexit 2\n")
    uv.chmod(0o755)
    said = project.starts()
    assert "uv could not; its reason is above. pip tries next." in said
    assert "served by" in said


def test_what_the_index_lacks_is_said_with_the_remedy(project: Project) -> None:
    (project.folder / "requirements.txt").write_text("nobody_has_this\n")
    said = project.refuses()
    assert said.splitlines()[-1].startswith("error: requirements.txt could not be installed: ")
    assert "No matching distribution found for nobody_has_this" in said.splitlines()[-1]


def test_without_a_network_it_says_so_in_one_line(project: Project) -> None:
    said = project.refuses(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert said.startswith("error: 127.0.0.1 cannot be reached (Connection refused): connect to ")
    assert len(said.splitlines()) == 1
    assert not (project.folder / ".venv").exists()


def test_a_first_start_speaks_the_user_s_language(project: Project) -> None:
    said = project.refuses(**CHINESE, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert said.startswith("错误：无法连接 127.0.0.1（连接被拒绝）：请连接网络")
    project.embedded(good=False)
    said = project.starts(**CHINESE)
    assert said.startswith("正在用 Python ")
    assert "requirements.txt 和 requirements/embedded.txt" in said
    assert "需下载 " in said
    assert "警告：requirements/embedded.txt 未安装（THESE PACKAGES DO NOT MATCH" in said


# --- which Python ---


def fake(folder: Path, name: str, *says: str) -> Path:
    """Make a program that says some lines."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + "".join(f"echo {line}\n" for line in says))
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of which the test decides, and no other Python."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(set_up, "VENV_PYTHON", "")
    monkeypatch.setattr(sys, "executable", "")
    return tmp_path


def test_python3_is_taken_if_it_fits(path: Path) -> None:
    fake(path, "python3", "3.12", "/usr/bin/python3.12", "ensurepip")
    fake(path, "python3.13", "3.13", "/usr/bin/python3.13", "ensurepip")
    assert set_up.choose("").path == "/usr/bin/python3.12"


def test_another_is_taken_if_python3_is_too_old_or_can_make_no_environment(path: Path) -> None:
    fake(path, "python3", "3.9", "/usr/bin/python3.9", "ensurepip")
    fake(path, "python3.11", "3.11", "/usr/bin/python3.11")
    fake(path, "python3.13", "3.13", "/usr/bin/python3.13", "ensurepip")
    assert set_up.choose("").path == "/usr/bin/python3.13"
    # Found on PATH, and yet it does not run, as where versions are chosen by a folder.
    (path / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    assert set_up.choose("").path == "/usr/bin/python3.11"


def test_what_is_there_is_named_if_none_fits(path: Path) -> None:
    fake(path, "python3", "3.9", "/usr/bin/python3.9", "ensurepip")
    fake(path, "python3.13", "3.15", "/usr/bin/python3.15", "ensurepip")
    with pytest.raises(SystemExit, match=r"3\.11 to 3\.14 is needed; only 3\.15, 3\.9 is here"):
        set_up.choose("")


def test_uv_fetches_one_if_none_fits(path: Path) -> None:
    fake(path, "python3", "3.9", "/usr/bin/python3.9", "ensurepip")
    fetched = fake(path, "fetched", "3.13", "/home/me/python3.13")
    fake(path, "uv", str(fetched))
    assert set_up.choose("").path == "/home/me/python3.13"


def test_the_one_that_is_asked_for_is_taken_or_refused(path: Path) -> None:
    own = fake(path, "own", "3.13", "/opt/python3.13")
    fake(path, "python3", "3.12", "/usr/bin/python3.12", "ensurepip")
    assert set_up.choose(str(own)).path == "/opt/python3.13"
    old = fake(path, "old", "3.9", "/opt/python3.9")
    with pytest.raises(SystemExit, match=r"is Python 3\.9; 3\.11 to 3\.14 are supported"):
        set_up.choose(str(old))
    with pytest.raises(SystemExit, match="PYTHON=gone does not run"):
        set_up.choose("gone")


@pytest.mark.parametrize(
    ("variables", "begins"),
    [
        (CHINESE, "错误：PYTHON=gone "),
        ({"LANGUAGE": "de:zh_CN", "PYTHONIOENCODING": "utf-8"}, "错误：PYTHON=gone "),
        ({"LANGUAGE": "en:zh_CN", "PYTHONIOENCODING": "utf-8"}, "error: PYTHON=gone does"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "error: PYTHON=gone does"),
        ({**CHINESE, "PYTHONIOENCODING": "ascii"}, "error: PYTHON=gone does"),
    ],
)
def test_what_is_wrong_with_pythons_is_said_in_the_user_s_language(
    variables: dict[str, str], begins: str
) -> None:
    none = dict.fromkeys(("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"), "")
    done = subprocess.run(
        [sys.executable, str(ROOT / "requirements" / "set_up.py")],
        env={**os.environ, **none, **variables, "PYTHON": "gone"},
        capture_output=True,
        check=False,
    )
    assert done.stderr.decode().startswith(begins)


OLD = [Path.home() / ".pyenv" / "versions", Path("/opt/python")]


def test_an_old_python_can_read_it() -> None:
    """Python 2.7 where it is there, else whatever is older than what is supported."""
    found = [path for folder in OLD for path in sorted(folder.glob("[23].*/bin/python"))]
    old = [python for python in found if python.parts[-3] < "3" or "3.6" <= python.parts[-3] < "4"]
    if not old:
        pytest.skip("there is no old Python here")
    for python in old:
        done = subprocess.run(
            [str(python), str(ROOT / "requirements" / "set_up.py")],
            env={**os.environ, "PYTHON": "gone"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr.startswith("error: PYTHON=gone does not run."), (python, done.stderr)
        chinese = subprocess.run(
            [str(python), str(ROOT / "requirements" / "set_up.py")],
            env={**os.environ, **CHINESE, "PYTHON": "gone"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert chinese.stderr.startswith("错误：PYTHON=gone 无法运行。"), python


# --- the other commands of the Makefile ---


@pytest.mark.parametrize("target", ["try", "talk"])
def test_a_client_before_the_first_start_says_what_to_do(project: Project, target: str) -> None:
    assert "Nothing is set up yet: 'make run'" in project.refuses("make", target)


def test_without_any_python_make_says_what_to_install(project: Project) -> None:
    programs = project.folder.parent / "no-python"
    programs.mkdir()
    for name in ("sh", "make"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = project.run("make", "run", PATH=str(programs))
    assert done.returncode == 2
    assert "sudo apt install python3 python3-venv, or install uv" in done.stderr


def test_the_tests_get_the_libraries_of_all_providers(project: Project) -> None:
    project.with_uv()
    (project.folder / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (project.folder / "requirements" / "own.txt").write_text(
        "-r ../requirements.txt\nsmall_model\n"
    )
    project.embedded(good=True)
    project.starts("make", "dev")
    project.starts(str(project.python), "-c", "import small_library, small_model")
    # What is set up for the tests is enough for the server.
    assert "Setting up" not in project.starts(PIP_INDEX_URL="http://127.0.0.1:9/simple")
