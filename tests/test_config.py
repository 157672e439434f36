"""Where settings come from, which source wins, and what is said when one cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from config import (
    DEFAULT_INSTRUCTIONS,
    VENDOR_KEYS,
    ConfigError,
    Settings,
    load_settings,
    profile_names,
)

SECRET = "sk-very-secret-1234"
GROUPS = {"server", "webrtc", "audio", "vad", "stt", "llm", "tts"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and none of the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("REALTIME_") or name in VENDOR_KEYS.values():
            monkeypatch.delenv(name)
    return tmp_path


def toml(here: Path, text: str, name: str = "server.toml") -> Path:
    path = here / name
    path.write_text(text, encoding="utf-8")
    return path


def dotenv(here: Path, *lines: str) -> None:
    (here / ".env").write_text("\n".join(lines), encoding="utf-8")


def problem(*args: Any, **overrides: Any) -> str:
    """The message for settings that cannot be used: one line, and no key in it."""
    with pytest.raises(ConfigError) as caught:
        load_settings(*args, **overrides)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert SECRET not in message
    return message


# --- sources ---


def test_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert set(Settings.model_fields) >= GROUPS
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.server.ws_path == "/v1/realtime"
    assert settings.audio.OPENAI_SAMPLE_RATE == 24000
    assert settings.audio.INTERNAL_SAMPLE_RATE == 16000
    assert (settings.vad.threshold, settings.vad.prefix_padding_ms) == (0.5, 300)
    assert {settings.stt.provider, settings.llm.provider, settings.tts.provider} == {"embedded"}
    assert settings.llm.default_instructions == DEFAULT_INSTRUCTIONS
    assert settings.llm.resolved_key() is None


def test_a_toml_file_has_a_table_per_group(here: Path) -> None:
    path = toml(here, '[server]\nport = 9001\n[llm]\nprovider = "openai"\nmodel = "größer"\n')
    settings = load_settings(path)
    assert settings.server.port == 9001
    assert (settings.llm.provider, settings.llm.model) == ("openai", "größer")
    assert settings.server.host == "127.0.0.1"


def test_a_toml_file_may_carry_a_provider_s_own_options(here: Path) -> None:
    path = toml(here, "[stt.options]\nbeam = 5\nwords = ['a', 'b']\n")
    assert load_settings(path).stt.options == {"beam": 5, "words": ["a", "b"]}


def test_the_environment_may_name_the_toml_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = toml(here, "[server]\nport = 9001\n")
    other = toml(here, "[server]\nport = 9002\n", "other.toml")
    monkeypatch.setenv("REALTIME_CONFIG", str(named))
    assert load_settings().server.port == 9001
    assert load_settings(other).server.port == 9002


def test_a_dotenv_file_may_name_file_and_profile_which_flag_and_environment_override(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for port, name in enumerate(["dotenv", "environment", "flag"], 9001):
        toml(here, f"[server]\nport = {port}\n", f"{name}.toml")
    dotenv(here, "REALTIME_CONFIG=dotenv.toml", "REALTIME_PROFILE=local")
    settings = load_settings()
    assert (settings.server.port, settings.llm.provider) == (9001, "ollama")
    monkeypatch.setenv("REALTIME_CONFIG", "environment.toml")
    monkeypatch.setenv("REALTIME_PROFILE", "hosted")
    settings = load_settings()
    assert (settings.server.port, settings.llm.provider) == (9002, "openai")
    settings = load_settings("flag.toml", "embedded")
    assert (settings.server.port, settings.llm.provider) == (9003, "embedded")


@pytest.mark.parametrize("flag_names_another", [False, True])
def test_a_file_that_a_dotenv_file_names_and_nobody_has_is_refused(
    here: Path, flag_names_another: bool
) -> None:
    dotenv(here, "REALTIME_CONFIG=nowhere.toml")
    if flag_names_another:
        assert load_settings(toml(here, "[server]\nport = 9001\n")).server.port == 9001
    else:
        message = problem()
        assert "nowhere.toml" in message
        assert "REALTIME_CONFIG" in message
        assert ".env" in message


def test_a_profile_that_a_dotenv_file_names_and_nobody_has_is_refused(here: Path) -> None:
    dotenv(here, "REALTIME_PROFILE=lokal")
    message = problem()
    assert "lokal" in message
    assert "REALTIME_PROFILE" in message


def test_a_variable_that_is_empty_names_no_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_CONFIG", "")
    assert load_settings().server.port == 8000


def test_the_short_name_of_the_keys_wins_over_what_comes_after_it_and_nothing_else(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys(**overrides: Any) -> list[str]:
        found = load_settings(**overrides).server.api_keys
        return [key.get_secret_value() for key in found]

    dotenv(here, "REALTIME_API_KEYS=short-key-of-dotenv")
    assert keys() == ["short-key-of-dotenv"]
    monkeypatch.setenv("REALTIME_SERVER__API_KEYS", "long-key-of-environment")
    assert keys() == ["long-key-of-environment"]
    monkeypatch.setenv("REALTIME_API_KEYS", "short-key-of-environment")
    assert keys() == ["short-key-of-environment"]
    assert keys(server={"api_keys": ["key-of-the-command-line"]}) == ["key-of-the-command-line"]


def test_environment_variables_name_group_and_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_LLM__API_BASE", "http://localhost:11434/v1")
    monkeypatch.setenv("REALTIME_VAD__SILENCE_DURATION_MS", "700")
    monkeypatch.setenv("REALTIME_SERVER__DEBUG", "true")
    settings = load_settings()
    assert settings.llm.api_base == "http://localhost:11434/v1"
    assert settings.vad.silence_duration_ms == 700
    assert settings.server.debug is True


def test_options_may_be_given_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_TTS__OPTIONS", '{"rate": 2}')
    assert load_settings().tts.options == {"rate": 2}


def test_a_dotenv_file_has_the_names_of_the_environment(here: Path) -> None:
    dotenv(here, "REALTIME_SERVER__PORT=9001", "# a remark", "UNRELATED=1")
    assert load_settings().server.port == 9001


def test_overrides_are_groups_as_the_command_line_gives_them() -> None:
    settings = load_settings(server={"port": 0}, llm={"provider": "openai"})
    assert (settings.server.port, settings.llm.provider) == (0, "openai")


def test_each_source_wins_over_the_ones_after_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, environment, .env, TOML, default: each names one group member more."""
    path = toml(
        here,
        "[vad]\nthreshold = 0.1\nprefix_padding_ms = 1\nsilence_duration_ms = 1\n"
        '[server]\nport = 1\nhost = "toml"\n',
    )
    dotenv(
        here,
        "REALTIME_VAD__THRESHOLD=0.2",
        "REALTIME_VAD__PREFIX_PADDING_MS=2",
        "REALTIME_VAD__SILENCE_DURATION_MS=2",
        "REALTIME_SERVER__PORT=2",
    )
    monkeypatch.setenv("REALTIME_VAD__THRESHOLD", "0.3")
    monkeypatch.setenv("REALTIME_VAD__PREFIX_PADDING_MS", "3")
    settings = load_settings(path, vad={"threshold": 0.4})
    assert settings.vad.threshold == 0.4
    assert settings.vad.prefix_padding_ms == 3
    assert settings.vad.silence_duration_ms == 2
    assert settings.server.port == 2
    assert settings.server.host == "toml"
    assert settings.server.ws_path == "/v1/realtime"


def test_two_loads_share_nothing(here: Path) -> None:
    path = toml(here, "[stt.options]\nbeam = 5\n")
    first = load_settings(path)
    first.stt.options["beam"] = 6
    first.tts.options["rate"] = 2
    assert load_settings(path).stt.options == {"beam": 5}
    assert load_settings(path).tts.options == {}


# --- keys ---


@pytest.mark.parametrize(("provider", "variable"), VENDOR_KEYS.items())
def test_a_key_that_is_not_set_is_the_vendor_s_own(
    provider: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, SECRET)
    assert load_settings(stt={"provider": provider}).stt.resolved_key() == SECRET
    assert load_settings(stt={"provider": "embedded"}).stt.resolved_key() is None


@pytest.mark.parametrize(
    ("kind", "provider", "address", "sent"),
    [
        ("stt", "deepgram", "https://api.eu.deepgram.com", True),
        ("stt", "deepgram", "http://localhost:8080", False),
        ("llm", "openai", "https://eu.api.openai.com/v1", True),
        ("llm", "openai", "https://api.openai.com.elsewhere.net/v1", False),
        ("llm", "openai", "https://openai.com@elsewhere.net/v1", False),
        ("llm", "openai", "https://notopenai.com/v1", False),
        ("llm", "anthropic", "http://127.0.0.1:9", False),
        ("tts", "azure", "https://ours.cognitiveservices.azure.com", True),
        ("tts", "azure", "https://ours.westeurope.cloudapp.azure.com", False),
        ("tts", "elevenlabs", "wss://api.eu.residency.elevenlabs.io", True),
    ],
)
def test_the_vendor_s_own_key_is_for_the_vendor_alone(
    kind: str, provider: str, address: str, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VENDOR_KEYS[provider], SECRET)
    group = {"provider": provider, "api_base": address}
    config = getattr(load_settings(**{kind: group}), kind)
    assert config.resolved_key() == (SECRET if sent else None)
    own = getattr(load_settings(**{kind: {**group, "api_key": "a-key-of-its-own"}}), kind)
    assert own.resolved_key() == "a-key-of-its-own"


def test_a_key_that_is_set_wins_over_the_vendor_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-vendor")
    monkeypatch.setenv("REALTIME_LLM__API_KEY", SECRET)
    settings = load_settings(llm={"provider": "openai"}, stt={"provider": "openai"})
    assert settings.llm.resolved_key() == SECRET
    assert settings.stt.resolved_key() == "sk-of-the-vendor"


def test_a_key_shows_in_no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_LLM__API_KEY", SECRET)
    settings = load_settings()
    assert settings.llm.resolved_key() == SECRET
    for rendering in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.llm}"):
        assert SECRET not in rendering


# --- what cannot be used ---


def test_a_missing_file_is_named(here: Path) -> None:
    message = problem(here / "nowhere.toml")
    assert "nowhere.toml" in message
    assert "--config" in message


@pytest.mark.parametrize("name", ["server.toml", ".env"])
def test_a_file_that_is_no_text_is_refused(here: Path, name: str) -> None:
    (here / "server.toml").touch()
    (here / name).write_bytes(b"\xff\xfe")
    assert "UTF-8" in problem(here / "server.toml")


def test_a_file_that_is_no_toml_is_refused(here: Path) -> None:
    assert "is not valid TOML" in problem(toml(here, f'[llm\napi_key = "{SECRET}"'))


@pytest.mark.parametrize(
    ("overrides", "name", "told"),
    [
        ({"server": {"port": 70000}}, "server.port", "not 70000"),
        ({"server": {"port": "many"}}, "server.port", "not 'many'"),
        ({"server": {"ws_path": "no/slash"}}, "server.ws_path", "'no/slash'"),
        ({"vad": {"threshold": 1.5}}, "vad.threshold", "not 1.5"),
        ({"vad": {"type": "semantic"}}, "vad.type", "not 'semantic'"),
        ({"llm": {"temperature": -1}}, "llm.temperature", "not -1"),
        ({"audio": {"OPENAI_SAMPLE_RATE": 16000}}, "audio.OPENAI_SAMPLE_RATE", "not 16000"),
    ],
)
def test_a_value_out_of_range_is_told_with_its_name_and_where_to_look(
    overrides: dict[str, Any], name: str, told: str
) -> None:
    message = problem(**overrides)
    assert name in message
    assert told in message
    assert "REALTIME_" + name.replace(".", "__").upper() in message


@pytest.mark.parametrize("source", ["override", "environment", "dotenv", "toml"])
def test_an_unknown_name_is_refused_wherever_it_stands(
    source: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, overrides = None, {}
    if source == "override":
        overrides = {"llm": {"modle": "x"}}
    elif source == "environment":
        monkeypatch.setenv("REALTIME_LLM__MODLE", "x")
    elif source == "dotenv":
        dotenv(here, "REALTIME_LLM__MODLE=x")
    else:
        path = toml(here, '[llm]\nmodle = "x"\n')
    message = problem(path, **overrides)
    assert "llm.modle" in message
    assert "no setting of that name" in message


@pytest.mark.parametrize("name", ["REALTIME_API_KEY", "REALTIME_SERVR__API_KEYS"])
@pytest.mark.parametrize("in_file", [False, True])
def test_a_misspelled_variable_is_refused_or_its_keys_would_not_count(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    if in_file:
        dotenv(here, f"{name}=x")
    else:
        monkeypatch.setenv(name, "x")
    assert name in problem(None)


@pytest.mark.parametrize(
    "name",
    ["realtime_api_keys", "realtime_config", "Realtime_Server__Port", "REALTIME_server__port"],
)
@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.skipif(os.name == "nt", reason="Windows writes all names of variables in capitals")
def test_a_variable_in_small_letters_is_answered_with_its_name_in_capitals(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    if in_file:
        dotenv(here, f"{name}=9001")
    else:
        monkeypatch.setenv(name, "9001")
    message = problem()
    assert name in message
    assert name.upper() in message


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "app.example.com:8443",
        "//app.example.com",
        "https://*.example.com",
        "https://app.example.com/page",
        "https://app.example.com?page=1",
        "https://app.example.com#page",
        "https://somebody@app.example.com",
        "https://app.example.com:99999",
        "https://app.example.com:port",
        "https://[app.example.com]",
        "https://[::1",
        "https://bücher.example",
        "https://app example.com",
        "https://app.example.com\n",
        "https://",
        "wss://app.example.com",
        "file://app.example.com",
        "",
    ],
)
def test_an_origin_that_no_page_has_is_answered_with_the_form_that_is_wanted(origin: str) -> None:
    message = problem(server={"allowed_origins": ["https://app.example", origin]})
    assert "server.allowed_origins" in message
    assert message.count(repr(origin)) == 1
    assert "REALTIME_SERVER__ALLOWED_ORIGINS" in message
    assert "https://app.example.com, https://app.example.com:8443, or * for all" in message


def test_origins_of_the_settings_are_kept_as_browsers_write_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "REALTIME_SERVER__ALLOWED_ORIGINS",
        "https://App.Example:443/, http://app.example:8080, capacitor://localhost, *, null",
    )
    assert load_settings().server.allowed_origins == [
        "https://app.example",
        "http://app.example:8080",
        "capacitor://localhost",
        "*",
        "null",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "v1/realtime",
        "ws://localhost/v1/realtime",
        "/v1/{model}",
        "/v1/realtime?model=m",
        "/v1/realtime#1",
        "/v1/real time",
        "/v1/%72ealtime",
        "/v1/realtimé",
        "/v1/realtime\n",
    ],
)
def test_a_path_that_no_client_can_ask_for_is_refused(path: str) -> None:
    message = problem(server={"ws_path": path})
    assert "server.ws_path" in message
    assert "must begin with /" in message
    assert repr(path) in message


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "1.2.3",
        "1.2.3.4:8000",
        "http://a.example",
        "a b",
        "bücher",
    ],
)
def test_a_public_host_that_no_client_can_send_to_is_refused(host: str) -> None:
    message = problem(webrtc={"public_hosts": ["203.0.113.7", host]})
    assert "webrtc.public_hosts" in message
    assert repr(host) in message
    assert "without a port" in message


@pytest.mark.parametrize(
    "name", ["", "0.0.0.0", "::", "239.1.1.1", "10.0.0", "10.0.0.0/8", " eth0", "a" * 300]
)
def test_an_interface_that_no_machine_has_is_refused(name: str) -> None:
    message = problem(webrtc={"interfaces": [name]})
    assert "webrtc.interfaces" in message
    assert repr(name) in message
    assert "leave the list empty" in message


def test_hosts_and_interfaces_of_calls_may_be_names_and_addresses_in_one_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "REALTIME_WEBRTC__PUBLIC_HOSTS", "203.0.113.7, Voice.Example.com,2001:DB8::7, host"
    )
    monkeypatch.setenv("REALTIME_WEBRTC__INTERFACES", "eth0,Ethernet 2,192.168.1.20,::1")
    webrtc = load_settings().webrtc
    assert webrtc.public_hosts == ["203.0.113.7", "voice.example.com", "2001:db8::7", "host"]
    assert webrtc.interfaces == ["eth0", "Ethernet 2", "192.168.1.20", "::1"]


def test_each_worker_has_the_next_udp_port_from_the_number_of_the_tcp_port_on() -> None:
    default = load_settings().webrtc
    assert [default.port_of_worker(worker, 8000) for worker in range(3)] == [8000, 8001, 8002]
    chosen = load_settings(webrtc={"udp_port": 3478}).webrtc
    assert [chosen.port_of_worker(worker, 8000) for worker in range(2)] == [3478, 3479]
    free = load_settings(webrtc={"udp_port": 0}).webrtc
    assert [free.port_of_worker(worker, 8000) for worker in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("port", "workers", "udp_port"), [(65535, 2, None), (8000, 3, 65534), (0, 256, 65300)]
)
def test_udp_ports_must_suffice_for_all_workers(
    port: int, workers: int, udp_port: int | None
) -> None:
    message = problem(server={"port": port, "workers": workers}, webrtc={"udp_port": udp_port})
    assert "set webrtc.udp_port to a lower number" in message
    assert load_settings(server={"port": port}, webrtc={"udp_port": udp_port})


def test_a_replica_has_a_name_and_a_url_with_a_place_for_the_name() -> None:
    url = "http://{replica}.voice.internal:8000"
    named = {"replica": "a1", "secret": SECRET}
    server = load_settings(server={**named, "replica_url": url + "/"}).server
    assert (server.replica, server.replica_url) == ("a1", url)
    assert load_settings(server=named).server.replica_url is None
    assert "without server.replica" in problem(server={"replica_url": url})


def test_replicas_need_a_secret_to_know_each_other_s_client_secrets_and_calls() -> None:
    message = problem(server={"replica": "a1"})
    assert "server.replica" in message
    assert "server.secret" in message
    refused = problem(server={"replica": "a1", "secret": "short"})
    assert "server.secret" in refused
    assert "server.replica:" not in refused


@pytest.mark.parametrize(
    "name", ["0", "a1", "10.0.0.7", "voice-0.voice", "gateway-7d9c5b9d8b-x2x4z", "A" * 63]
)
def test_a_replica_s_name_may_be_that_of_a_pod_or_its_address(name: str) -> None:
    assert load_settings(server={"replica": name, "secret": SECRET}).server.replica == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a_1",
        "é",
        "a" * 64,
        "-a",
        "a-",
        ".a",
        "a.",
        "..",
        "a..b",
        "a/b",
        "a@b",
        "fe80::1",
        "a\n",
    ],
)
def test_a_replica_s_name_is_one_that_a_url_can_have(name: str) -> None:
    message = problem(server={"replica": name, "secret": SECRET})
    assert "server.replica:" in message
    assert repr(name) in message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://a1.internal:8000",
        "{replica}.internal:8000",
        "ws://{replica}.internal",
        "http://{replica}.internal/?to={replica}",
        "http://{replica}@internal",
        "http://{worker}.{replica}",
    ],
)
def test_a_replica_s_url_that_leads_nowhere_is_refused(url: str) -> None:
    message = problem(server={"replica": "a1", "secret": SECRET, "replica_url": url})
    assert "server.replica_url" in message
    assert repr(url) in message


def test_an_unknown_table_is_refused(here: Path) -> None:
    assert "lmm" in problem(toml(here, '[lmm]\nmodel = "x"\n'))


@pytest.mark.parametrize(
    "overrides",
    [
        {"llm": {"apikey": SECRET}},
        {"llm": {"api_keys": [SECRET]}},
        {"llm": {"api_key": [SECRET]}},
        {"llm": {"api_key": {"key": SECRET}}},
        {"llm": SECRET},
        {"llm": [SECRET]},
        {"llm": {"temperature": "hot", "api_key": SECRET}},
        {"llm": {"options": SECRET}},
        {"stt": {"model": {"api_key": SECRET}}},
    ],
    ids=str,
)
def test_an_error_never_shows_a_key(overrides: dict[str, Any]) -> None:
    problem(**overrides)


def test_an_error_never_shows_the_server_s_secret() -> None:
    message = problem(server={"secret": "hunter2"})
    assert "server.secret" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REALTIME_LLM", SECRET),
        ("REALTIME_LLM", f'{{"api_key": "{SECRET}"'),
        ("REALTIME_LLM__OPTIONS", f'{{"api_key": "{SECRET}"'),
        ("REALTIME_LLM__APIKEY", SECRET),
    ],
)
def test_an_error_in_the_environment_never_shows_a_key(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    problem()


def test_an_error_in_a_file_never_shows_a_key(here: Path) -> None:
    problem(toml(here, f'[llm]\napi_key = "{SECRET}"\nmodel = 5\n'))
    problem(toml(here, f'llm = "{SECRET}"\n'))


def test_a_vendor_s_key_counts_in_a_dotenv_file_too(here: Path) -> None:
    dotenv(here, f"OPENAI_API_KEY={SECRET}")
    assert load_settings(llm={"provider": "openai"}).llm.resolved_key() == SECRET


def test_a_misspelt_group_in_the_environment_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_LMM__PROVIDER", "openai")
    assert "REALTIME_LMM__PROVIDER" in problem()


def test_a_base_url_that_is_none_is_refused(here: Path) -> None:
    assert "llm.api_base" in problem(llm={"api_base": "notaurl"})


# --- profiles ---


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_is_one_flag_or_one_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_flag = load_settings(None, name)
    monkeypatch.setenv("REALTIME_PROFILE", name)
    assert load_settings() == by_flag
    assert [by_flag.stt.provider, by_flag.llm.provider, by_flag.tts.provider] == {
        "embedded": ["embedded", "embedded", "embedded"],
        "local": ["whisper", "ollama", "kokoro"],
        "hosted": ["deepgram", "openai", "elevenlabs"],
        "openai-compatible": ["openai", "openai", "openai"],
        "offline": ["embedded", "embedded", "embedded"],
        "chinese": ["sherpa", "ollama", "sherpa"],
        "chinese-edge": ["whisper", "ollama", "edge"],
    }[name]


def test_every_other_source_wins_over_the_profile(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toml(here, '[llm]\nmodel = "from-file"\n')
    monkeypatch.setenv("REALTIME_STT__MODEL", "tiny")
    settings = load_settings(file, "local")
    assert (settings.llm.provider, settings.llm.model) == ("ollama", "from-file")
    assert (settings.stt.provider, settings.stt.model) == ("whisper", "tiny")


def test_a_stage_with_another_provider_takes_nothing_from_the_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REALTIME_STT__PROVIDER", "embedded")
    settings = load_settings(None, "chinese-edge")
    assert (settings.stt.provider, settings.stt.model, settings.stt.language) == (
        "embedded",
        None,
        None,
    )
    assert settings.tts.provider == "edge"


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    known = "embedded, chinese, chinese-edge, hosted, local, offline, openai-compatible"
    assert known in problem(None, "lokal")


# --- a profile's others, by language ---


def stages(settings: Settings) -> list[tuple[str, str | None]]:
    return [(one.provider, one.model) for one in (settings.stt, settings.llm, settings.tts)]


CHINESE = [("sherpa", "sense-voice"), ("ollama", "qwen2.5"), ("sherpa", "kokoro-v1.1-zh")]
LOCAL = [("whisper", "small"), ("ollama", "llama3.2"), ("kokoro", None)]


@pytest.mark.parametrize(
    ("language", "counts"),
    [
        ("zh", CHINESE),
        ("zh-CN", CHINESE),
        ("ZH_TW", CHINESE),
        ("yue", CHINESE),
        ("ja", LOCAL),
        ("en", LOCAL),
        ("auto", LOCAL),
    ],
)
@pytest.mark.parametrize("source", ["override", "environment", "dotenv", "toml"])
def test_a_profile_gives_way_to_the_one_that_it_names_for_the_language(
    source: str,
    language: str,
    counts: list[tuple[str, str | None]],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, overrides = None, {}
    match source:
        case "override":
            overrides = {"stt": {"language": language}}
        case "environment":
            monkeypatch.setenv("REALTIME_STT__LANGUAGE", language)
        case "dotenv":
            dotenv(here, f"REALTIME_STT__LANGUAGE={language}")
        case _:
            file = toml(here, f'[stt]\nlanguage = "{language}"\n')
    settings = load_settings(file, "local", **overrides)
    assert stages(settings) == counts
    assert settings.stt.language == (None if language == "auto" else language)
    assert (settings.llm.default_instructions == DEFAULT_INSTRUCTIONS) == (counts == LOCAL)


@pytest.mark.parametrize(
    ("chosen", "stage", "becomes"),
    [
        ({"stt": {"provider": "whisper"}}, 0, ("whisper", "small")),
        ({"stt": {"model": "large-v3"}}, 0, ("whisper", "large-v3")),
        ({"stt": {"provider": "sherpa", "model": "parakeet"}}, 0, ("sherpa", "parakeet")),
        ({"llm": {"model": "qwen3"}}, 1, ("ollama", "qwen3")),
        ({"llm": {"provider": "openai"}}, 1, ("openai", None)),
        ({"tts": {"voice_id": "af_heart"}}, 2, ("kokoro", None)),
    ],
)
def test_what_is_chosen_for_a_stage_is_kept_whatever_the_language(
    chosen: dict[str, Any], stage: int, becomes: tuple[str, str | None], here: Path
) -> None:
    spoken = toml(here, '[stt]\nlanguage = "zh"\n')
    expected = [becomes if place == stage else one for place, one in enumerate(CHINESE)]
    assert stages(load_settings(spoken, "local", **chosen)) == expected


def test_only_a_profile_names_others_by_language(here: Path) -> None:
    assert "languages" in problem(toml(here, '[languages]\nzh = "chinese"\n'), "local")


def test_a_profile_that_names_one_that_is_not_there_says_so(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("settings.sources.PROFILES", here)
    file = toml(here, '[languages]\nzh = "chinees"\n', "own.toml")
    assert load_settings(None, "own").stt.provider == "embedded"
    told = problem(None, "own", stt={"language": "zh"})
    assert str(file) in told
    assert "'chinees'" in told
