import pytest

from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.boards import BOARDS
from hybrid_tf.search.budgets import Budget, excess, read_budgets


@pytest.mark.parametrize(
    ("text", "cost", "limit", "table"),
    [
        ("file<=100kB", "file", 100_000, ""),
        (" ram <= 64 KiB ", "ram", 65_536, ""),
        ("flash<=1MB", "flash", 1e6, ""),
        ("macs<=2.5M", "macs", 2_500_000, ""),
        ("energy<=0.05mJ", "energy", 5e7, ""),
        ("ms@tables/pi 4.json<=2", "ms", 2, "tables/pi 4.json"),
        ("ms@BENCH.json<=500us", "ms", 0.5, "BENCH.json"),
    ],
)
def test_a_budget_is_read(text, cost, limit, table):
    assert Budget.parse(text) == Budget(cost, pytest.approx(limit), table)


@pytest.mark.parametrize(
    ("texts", "board", "message"),
    [
        (["file<=100kb"], None, "unknown unit 'kb': file takes 'B', 'kB', 'KiB', 'MB', 'MiB'"),
        (["macs<=3MB"], None, "unknown unit 'MB': macs takes no unit, 'k', 'M', 'G'"),
        (["flie<=3kB"], None, "did you mean 'file'"),
        (["ms<=3"], None, "name the table of the device: ms@BENCH.json<=2"),
        (["ram@BENCH.json<=3kB"], None, "only ms takes a table"),
        (["file=3kB"], None, "cannot be read: write COST<=NUMBER"),
        (["file<=0kB"], None, "must be above 0"),
        (["file<=1e999kB"], None, "must be above 0"),
        (["file<=1.2.3kB"], None, "has no number"),
        ([], None, "a search needs a budget"),
        (["file<=3kB", "file<=4kB"], None, "two budgets for file"),
        ([], "Arduino UNO R5", "did you mean 'Arduino UNO R4'"),
        (["ms@BENCH.json<=2"], "Arduino UNO R4", "measured on another processor than the Cortex-M4F of Arduino UNO R4"),
    ],
)
def test_what_is_no_budget_is_refused(texts, board, message):
    with pytest.raises(HybridTFError) as error:
        read_budgets(texts, board)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_board_has_budgets_of_flash_and_ram():
    board = BOARDS[0]
    assert read_budgets(["ram<=10kB"], board.name.lower()) == (Budget("ram", 10_000), Budget("flash", board.flash))
    assert {budget.cost: budget.limit for budget in read_budgets([], board.name)} == {
        "flash": board.flash,
        "ram": board.ram,
    }


def test_the_largest_excess_counts():
    budgets = read_budgets(["file<=100B", "macs<=10"])
    assert excess(budgets, {"file": 50, "macs": 12}) == 1.2
