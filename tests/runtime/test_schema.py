"""What schema.h and operator_names.h in check/ say of TensorFlow Lite files, compared with LiteRT's own code for it."""

import inspect
import re
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

CHECK = Path(__file__).parents[2] / "runtime" / "src" / "check"
TEXT, NAMES = (CHECK / "schema.h").read_text(), (CHECK / "operator_names.h").read_text()
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
    names = re.findall(
        r"X\((\w+)\)", NAMES.partition("#define HYBRID_TF_BUILTIN_OPERATORS(X)")[2].partition("// clang")[0]
    )
    codes = {name: code for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    assert {name: number for number, name in enumerate(names)} == codes


def test_every_table_is_compared():
    assert len(TABLES) == TEXT.count("enum Field") > 20
