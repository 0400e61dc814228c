"""No message about a ledger shows a secret of its URL, whatever is wrong with it."""

import pytest
from ledger_helpers import call, results

from holdfast.errors import HoldfastError
from holdfast.ledger import Ledger

USER, SECRET = "bobuser", "hunter2xyz"
PASSWORDS = [
    SECRET,
    f"{SECRET}@",
    f"@{SECRET}",
    f"a@{SECRET}",
    f"{SECRET}/x",
    f"a:{SECRET}",
    f"{SECRET}%",
    f"a?{SECRET}",
    f"{SECRET}#",
    f"{SECRET}'\\",
]
SCHEMES = [
    "postgres",
    "postgresql",
    "postgresql+psycopg",
    "postgresql+psycopg2",
    "postgresql+asyncpg",
    "postgresql+nosuch",
]
OTHERS = [
    "mysql",
    "mysql+pymysql",
    "oracle",
    "mssql+pyodbc",
    "sqlite",
    "sqlite+pysqlcipher",
    "http",
    "nosuch",
    "POSTGRES",
]
URLS = [
    *(f"{scheme}://{USER}:{SECRET}@127.0.0.1:1/db" for scheme in SCHEMES + OTHERS),
    *(f"postgresql+psycopg://{USER}:{password}@127.0.0.1:1/db" for password in PASSWORDS),
    *(f"postgres://{USER}:{password}@h/db" for password in PASSWORDS),
    f"postgresql+psycopg://{USER}:{SECRET}@127.0.0.1:port/db",
    f"postgresql+psycopg://{USER}:{SECRET}@127.0.0.1:99999999/db",
    f"postgresql+psycopg://{USER}:{SECRET}@[::1/db",
    f"postgresql+psycopg://127.0.0.1:1/db?user={USER}&password={SECRET}",
    f"postgresql+psycopg://127.0.0.1:1/db?sslmode={SECRET}x&user={USER}",
    f"postgresql+psycopg://127.0.0.1:1/db?{USER}={SECRET}",
    f"postgresql+psycopg://127.0.0.1:1/db?options={SECRET}%20{USER}",
    f"postgresql+psycopg://127.0.0.1:1/db?port={SECRET}",
    f"postgresql+psycopg://127.0.0.1:1/db?channel_binding={SECRET}",
    f"postgresql+psycopg://127.0.0.1:1/db?sslkey=/{SECRET}&sslcert=/{USER}&sslmode=require",
    f"postgresql+psycopg:///{USER}:{SECRET}@h/db",
    f"postgresql:{USER}:{SECRET}@h/db",
    f"postgresql:/{USER}:{SECRET}@h/db",
    f"{USER}:{SECRET}@h/db",
    f"{USER}:{SECRET}@postgresql+psycopg://h/db",
    f"sqlite:///x.db?password={SECRET}",
    f"sqlite:///file:x.db?key={SECRET}&uri=true",
    f"sqlite://:{SECRET}@/x.db",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_no_message_shows_a_user_or_a_password(url, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results(a=0.9).to_csv("r.csv", index=False)
    with pytest.raises(HoldfastError) as raised:
        Ledger(url).record("m", "1", results(a=0.9))
    messages = [str(raised.value)]
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    for arguments in (
        ["record", "--release", "1", "--results", "r.csv"],
        ["history"],
        ["gate", "--candidate", "r.csv", "--policy", "simple"],
    ):
        code, out, err = call(capsys, *arguments, "--model", "m", "--ledger", url)
        assert code == 2, err
        assert len(err.splitlines()) == 1
        messages += [out, err]
    for message in messages:
        assert SECRET not in message
        assert USER not in message
        assert "hunter2" not in message
    assert [p.name for p in tmp_path.iterdir()] == ["r.csv"]


def test_what_is_wrong_is_still_said():
    for url, message in (
        (
            "postgres://h/db",
            r"ledger postgres://\*\*\* cannot be opened: write postgresql\+psycopg://",
        ),
        (
            "mysql://u:p@h/db",
            r"ledger mysql://\*\*\* cannot be opened: expected sqlite:///ledger.db",
        ),
        ("postgresql+psycopg://u:p@q@h/db", "percent-encode"),
        ("postgresql+psycopg://u:p@h:x/db", "host or port is not readable"),
        ("postgresql+psycopg://u:ppp@127.0.0.1:1/db", "could not be read: .*[Cc]onnection"),
        ("postgresql+nosuch://h/db", "cannot be opened: .*nosuch"),
        ("postgresql+psycopg2://h/db", "psycopg2 is not installed; .*postgresql\\+psycopg"),
        ("ledger.db", "expected sqlite:///ledger.db"),
        ("sqlite://ledger.db", "three slashes"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("", "named by a URL"),
    ):
        with pytest.raises(HoldfastError, match=message):
            Ledger(url).models()


def test_a_server_that_refuses_a_user_does_not_make_it_known(postgresql):
    url = postgresql.replace("postgres@", f"{USER}:{SECRET}@")
    with pytest.raises(HoldfastError, match=r'role "\*\*\*" does not exist'):
        Ledger(url).models()
    with pytest.raises(HoldfastError, match=r'database "nosuch" does not exist'):
        Ledger(postgresql.replace("/postgres?", "/nosuch?")).models()


def test_the_command_says_to_the_end_what_is_expected(capsys):
    for url, message in (
        ("mysql://x", "expected sqlite:///ledger.db or postgresql+psycopg://host/database"),
        ("postgresql+psycopg://u:p@q@h/db", "the at sign is %40, / is %2F)"),
    ):
        _, _, err = call(capsys, "history", "--model", "m", "--ledger", url)
        assert message in err
