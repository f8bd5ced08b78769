"""What check/schema.h says of the schema of TensorFlow Lite files, compared with LiteRT's own code for it."""

import inspect
import re
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

TEXT = (Path(__file__).parents[2] / "runtime" / "src" / "check" / "schema.h").read_text()
TABLES = {
    name: [field.strip() for field in fields.split(",")]
    for name, fields in re.findall(r"struct (\w+) \{[^}]*?enum Field \{([^}]*)\};", TEXT)
}
DEPRECATED = {("SignatureDef", "deprecated_tag")}  # of which no code is made


def slot(table, field):
    """Returns the number of a field, from the function that writes it."""
    name = f"{table}Add{''.join(map(str.capitalize, field.split('_')))}"
    return int(re.search(r"Slot\((\d+),", inspect.getsource(getattr(schema, name)))[1])


@pytest.mark.parametrize("table", TABLES)
def test_fields_have_the_schemas_names_and_numbers(table):
    found = {field: number for number, field in enumerate(TABLES[table]) if (table, field) not in DEPRECATED}
    assert found == {field: slot(table, field) for field in found}


def test_options_have_their_place_in_the_union():
    options = dict(re.findall(r"struct (\w+Options) \{\s*static constexpr int kType = (\d+);", TEXT))
    assert len(options) == TEXT.count("kType =") > 10
    assert {name: int(number) for name, number in options.items()} == {
        name: getattr(schema.BuiltinOptions, name) for name in options
    }


def test_operators_have_their_codes():
    codes = re.findall(r"^  ([A-Z0-9_]+) = (\d+)", TEXT, re.MULTILINE)
    assert len(codes) > 25
    assert codes == [(name, str(getattr(schema.BuiltinOperator, name))) for name, _ in codes]


def test_every_table_is_compared():
    assert len(TABLES) == TEXT.count("enum Field") > 20
