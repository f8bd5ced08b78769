"""docs/networks.md has the registered networks."""

from benchmarks.pages.networks import PAGE, description
from hybrid_tf.models.registry import find_network, network_names


def test_the_page_has_a_row_for_each_registered_network():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    found = [line.strip("| ").split(" | ")[:4] for line in rows]
    assert found == [description(find_network(name)) for name in network_names()]
    assert rows[0].endswith(" | 270,896 | 1.08 MB | 47.9 kB | 22.60 |")  # ResNet-20, 0.27 million parameters
