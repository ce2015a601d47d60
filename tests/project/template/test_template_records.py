"""Is the table of records what the worker's code takes it for, and does it cost nothing while it is idle?

That it is retained is test_template_resources.py's, and who may do what with it is test_template_roles.py's.
"""

from __future__ import annotations

from tests.project.template.reading import Template

from shared.aws.dynamodb_records import EXPIRES, KEY


def test_an_item_is_found_by_the_key_that_the_code_uses(template: Template) -> None:
    table = template.properties("RecordsTable")

    assert table["KeySchema"] == [{"AttributeName": KEY, "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": KEY, "AttributeType": "S"}]


def test_an_item_expires_by_the_attribute_that_the_code_writes(template: Template) -> None:
    assert template.properties("RecordsTable")["TimeToLiveSpecification"] == {
        "AttributeName": EXPIRES,
        "Enabled": True,
    }


def test_an_idle_table_costs_nothing(template: Template) -> None:
    table = template.decided(template.properties("RecordsTable"))

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    # Nor does anything else: no key of KMS, no backups, no stream, no index.
    assert set(table) == {
        "BillingMode",
        "AttributeDefinitions",
        "KeySchema",
        "TimeToLiveSpecification",
        "DeletionProtectionEnabled",
    }
