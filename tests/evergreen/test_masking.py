from __future__ import annotations

import pytest

from evergreen.errors import DataError
from evergreen.masking import masked

#: A text, and what may be read of it; ``hunter2`` and its likes never.
FORMS = {
    "postgresql://ann:hunter2@db/x": "postgresql://ann:***@db/x",
    "postgresql+psycopg://ann:hunter2@db:5432/x": "postgresql+psycopg://ann:***@db:5432/x",
    "https://hunter2@git.example/repo": "https://***@git.example/repo",
    "https://ann:hunter2@host:8443/a?b=c": "https://ann:***@host:8443/a?b=c",
    "https://:hunter2@host/a": "https://:***@host/a",
    "redis://:hunter2@host:6379/0": "redis://:***@host:6379/0",
    "mysql://ann:hunter2/with/slashes@db/x": "mysql://ann:***@db/x",
    "mysql://ann:hunter2?x#y@db/x": "mysql://ann:***@db/x",
    "mysql://ann:hunter2@more@db/x": "mysql://ann:***@db/x",
    "mysql://ann:12/34@db/x": "mysql://ann:***@db/x",
    "postgresql://ann:hunter 2 blanks@db/x": "postgresql://ann:***@db/x",
    "postgresql://ann:hunter2": "postgresql://ann:***",
    "oracle://ann/hunter2@host": "oracle://ann/***@host",
    "https://account.blob.example/c?sv=1&sig=hunter2%3D&se=2": "https://account.blob.example/c?sv=1&sig=***&se=2",
    "https://host/a?api_key=hunter2": "https://host/a?api_key=***",
    "https://host/a?access_key=hunter2&b=1": "https://host/a?access_key=***&b=1",
    "https://host/a?key=hunter2": "https://host/a?key=***",
    "https://host/a?x=1&X-Amz-Signature=hunter2": "https://host/a?x=1&X-Amz-Signature=***",
    "https://host/a?X-Amz-Credential=hunter2": "https://host/a?X-Amz-Credential=***",
    "https://host/a#access_token=hunter2&state=3": "https://host/a#access_token=***&state=3",
    "https://host/a?pass%77ord=hunter2": "https://host/a?pass%77ord=***",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7Bx%7D%3BPWD%3Dhunter2%3B": "mssql+pyodbc:///?odbc_connect=***",
    "Driver={x};Server=db;UID=ann;PWD=hunter2;": "Driver={x};Server=db;UID=ann;PWD=***;",
    "Driver={x};Password={hunter;2};Database=x": "Driver={x};Password=***;Database=x",
    "AccountName=a;AccountKey=hunter2==;": "AccountName=a;AccountKey=***;",
    "AWS_SECRET_ACCESS_KEY=hunter2": "AWS_SECRET_ACCESS_KEY=***",
    "Authorization: Bearer hunter2hunter2": "Authorization: Bearer ***",
    "s3://AKIA:hunter2@bucket/key": "s3://AKIA:***@bucket/key",
    "two: a://b:hunter2@c and d://e:hunter2@f": "two: a://b:***@c and d://e:***@f",
    "'postgresql://ann:hunter2@db/x' is out of reach": "'postgresql://ann:***@db/x' is out of reach",
    "snowflake://ann:hunter2@account/db?warehouse=w&token=hunter2": "snowflake://ann:***@account/db?warehouse=w&token=***",
}
#: What holds no secret stays as it is.
PLAIN = (
    "postgresql://me@127.0.0.1:9/x",
    "ssh://git@host/repository",
    "http://127.0.0.1:4200/api/health",
    "https://host/@scope/package",
    "https://host/a?email=ann@example.org",
    "http://[::1]:5000/",
    "s3://bucket/prefix",
    "nowhere://store: cannot be written; ask ann@example.org",
    "file:///tmp/a b",
    "deployments/churn.yaml: data.key: unknown key",
    "postgresql://db:5432/x; ask ann@example.org",
    "sqlite:////tmp/records.db",
    "a monkey=3",
    "keyword: passed",
    "data.key=flight_id",
    "http://host:8080: does not answer; write to ann@example.org",
)


@pytest.mark.parametrize(("text", "shown"), FORMS.items(), ids=range(len(FORMS)))
def test_a_secret_is_hidden_in_whatever_form_it_stands(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert str(DataError(f"{text}: cannot be read")) == f"{shown}: cannot be read" or "hunter" not in str(
        DataError(text)
    )


@pytest.mark.parametrize("text", PLAIN)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("text", FORMS)
def test_hiding_twice_is_hiding_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)
