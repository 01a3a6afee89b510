"""What docs/operate.md and the examples of proxies say is so: settings, places and lines of the log exist under these
names, and each rule for a proxy is in the example."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from streamlit.web.server.starlette.starlette_routes import BASE_ROUTE_UPLOAD_FILE

from benchmarks.__main__ import SUBJECTS
from gradviz_core.commands.app import app
from gradviz_core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
OPERATE = (DOCS / "operate.md").read_text(encoding="utf-8")
NGINX = (DOCS / "proxy" / "nginx.conf").read_text(encoding="utf-8")
OAUTH = (DOCS / "proxy" / "oauth2-proxy.cfg").read_text(encoding="utf-8")
DIRECTIVES = re.sub(r"#.*", "", NGINX)
LOCATIONS = dict(re.findall(r"location (?:= )?(\S+) \{(.*?)\}", DIRECTIVES, flags=re.DOTALL))
HEADERS = ("Host            $http_host", "X-Real-IP       $remote_addr", "X-Forwarded-For $remote_addr")


def test_each_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"GRADVIZ_([A-Z_]+)", OPERATE + NGINX + OAUTH))
    assert len(named) > 12
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_each_line_of_the_log_that_is_named_is_written_somewhere() -> None:
    table = OPERATE.partition("| line | meaning |")[2].partition("\n\n")[0]
    lines = [re.split(r"[:(.]", line)[0].strip() for line in re.findall(r"^\| `([^`]+)`", table, flags=re.MULTILINE)]
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "gradviz_core").rglob("*.py"))
    assert len(lines) == 6
    assert [line for line in lines if line not in source] == []


def test_what_is_to_be_run_can_be_run() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"bench", "load"} == set(re.findall(r"make (\w+)", OPERATE)) <= targets
    assert "make bench ARGS=pages" in OPERATE
    assert "pages" in SUBJECTS


def test_the_unit_of_systemd_starts_the_command_and_writes_where_it_may() -> None:
    (text,) = re.findall(r"```ini\n(.*?)```", OPERATE, flags=re.DOTALL)
    unit = re.findall(r"^(\w+)=(.+)$", text, flags=re.MULTILINE)
    named = dict(unit)
    program, *arguments = named["ExecStart"].split()
    assert program == "/opt/gradviz/bin/gradviz"
    assert arguments[0] == "app"
    assert app.make_context("app", arguments[1:]).params["port"] == 8501
    set_to = dict(word.split("=") for name, value in unit if name == "Environment" for word in value.split())
    assert set_to["GRADVIZ_STORE"].startswith(f"/var/lib/{named['StateDirectory']}/")
    assert set_to["TORCH_HOME"].startswith(f"/var/lib/{named['StateDirectory']}/")
    container = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["gradviz"]
    assert named["MemoryMax"].lower() == container["mem_limit"]
    assert named["TasksMax"] == str(container["pids_limit"])
    assert "MemoryDenyWriteExecute" not in named


def test_it_is_found_from_where_people_begin() -> None:
    assert "(docs/operate.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(operate.md" in (DOCS / "install.md").read_text(encoding="utf-8")


def test_nginx_passes_each_place_on_with_the_headers_that_gradviz_reads() -> None:
    """A location that sets one header inherits none of those above it."""
    to_app = {place: text for place, text in LOCATIONS.items() if ":8501" in text}
    assert set(to_app) == {"/", "/_stcore/stream", f"/{BASE_ROUTE_UPLOAD_FILE}/"}
    above = DIRECTIVES.partition("location")[0]
    for place, text in to_app.items():
        assert "auth_request /oauth2/auth;" in text, place
        assert "limit_req zone=" in text, place
        where = text if "proxy_set_header" in text else above
        assert all(f"proxy_set_header {header};" in where for header in HEADERS), place
    assert "GRADVIZ_CLIENT_HEADER=X-Real-IP" in NGINX


def test_nginx_takes_the_largest_model_and_keeps_nothing_of_it() -> None:
    uploads = LOCATIONS[f"/{BASE_ROUTE_UPLOAD_FILE}/"]
    assert "proxy_request_buffering off;" in uploads
    (most,) = re.findall(r"client_max_body_size (\d+)m;", uploads)
    assert int(most) * 2**20 > 1_000_000 * float(Settings.model_fields["model_mb"].default) + 2**20
    assert "client_max_body_size 1m;" in DIRECTIVES.partition("location")[0]


def test_nginx_lets_websockets_through_and_keeps_them() -> None:
    stream = LOCATIONS["/_stcore/stream"]
    for line in ("Upgrade         $http_upgrade", 'Connection      "upgrade"'):
        assert f"proxy_set_header {line};" in stream
    assert "proxy_read_timeout 1h;" in stream
    assert "proxy_http_version 1.1;" in DIRECTIVES


def test_the_zones_of_nginx_are_made_and_used_and_its_braces_match() -> None:
    made = set(re.findall(r"zone=(\w+):", DIRECTIVES))
    used = set(re.findall(r"limit_req zone=(\w+) |limit_conn (\w+) ", DIRECTIVES))
    assert made == {name for pair in used for name in pair if name}
    assert DIRECTIVES.count("{") == DIRECTIVES.count("}")
    for line in filter(None, map(str.strip, DIRECTIVES.splitlines())):
        assert line.endswith((";", "{", "}")), line


def test_oauth2_proxy_stands_where_nginx_looks_for_it_and_holds_no_secret() -> None:
    found = tomllib.loads(OAUTH)
    assert f"http://{found['http_address']};" in NGINX
    assert found["upstreams"] == ["http://127.0.0.1:8501"]
    assert found["real_client_ip_header"] == "X-Real-IP"
    assert all(found[name] for name in ("reverse_proxy", "pass_host_header", "proxy_websockets"))
    assert not {name for name in found if "secret" in name}
