"""A plan: which layers of a network are binary and which stay full precision.

Written as text, a plan is one or more terms joined by `+`:

| text | meaning |
|---|---|
| `full_precision` | nothing is binary |
| `xnor` | every layer between the first convolution and the last layer is binary |
| `residual` | as `xnor`, with full-precision shortcuts around every binary convolution |
| `sections=3,4` | only the named stages are binary |
| `residual+sections=3,4` | the named stages are binary, with full-precision shortcuts |
| `...+keep=stage2_conv1` | the named layers stay full precision all the same |

The first convolution and the last layer are full precision under every plan.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_tf.errors import HybridTFError, unknown

_TERMS = ("full_precision", "xnor", "residual", "sections=STAGE,...", "keep=LAYER,...")


@dataclass(frozen=True)
class Plan:
    """Which sections of a network are binary.

    Attributes:
        sections: names of the binary stages, sorted; `None` means every stage, `()` none.
        residual: whether binary convolutions get full-precision shortcuts.
        keep: names of single layers that stay full precision, sorted.
    """

    sections: tuple[str, ...] | None = None
    residual: bool = False
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sections is not None:
            object.__setattr__(self, "sections", tuple(sorted(set(self.sections))))
        object.__setattr__(self, "keep", tuple(sorted(set(self.keep))))
        if self.sections == () and (self.residual or self.keep):
            raise HybridTFError("plan 'full_precision' has no binary layers, so nothing can be combined with it")

    @classmethod
    def parse(cls, text: str) -> "Plan":
        """Returns the plan that `text` describes; `Plan.parse(str(plan)) == plan` for every plan.

        Raises:
            HybridTFError: for an unknown term, a repeated one, or terms that contradict each other.
        """
        bases: list[str] = []
        lists: dict[str, tuple[str, ...]] = {}
        for term in (part.strip() for part in text.split("+")):
            key, equals, value = term.partition("=")
            names = tuple(name.strip() for name in value.split(",") if name.strip())
            if not equals and key in ("full_precision", "xnor", "residual"):
                bases.append(key)
            elif equals and key in ("sections", "keep"):
                if not names:
                    raise HybridTFError(f"plan '{text}': '{key}=' names nothing; write for example '{key}=3,4'")
                if key in lists:
                    raise HybridTFError(f"plan '{text}' says '{key}=' twice: join the names with commas")
                lists[key] = names
            else:
                raise unknown("plan", term, _TERMS)
        if len(bases) > 1:
            raise HybridTFError(f"plan '{text}' contradicts itself: choose one of {', '.join(bases)}")
        if not bases and "sections" not in lists:
            raise HybridTFError(f"plan '{text}' does not say what is binary: start it with xnor, residual or sections=")
        if bases == ["full_precision"] and lists:
            raise HybridTFError(f"plan '{text}': full_precision has no binary layers to restrict")
        sections = () if bases == ["full_precision"] else lists.get("sections")
        return cls(sections=sections, residual=bases == ["residual"], keep=lists.get("keep", ()))

    def __str__(self) -> str:
        if self.sections == ():
            return "full_precision"
        terms = ["residual"] if self.residual else []
        if self.sections is not None:
            terms.append("sections=" + ",".join(self.sections))
        if self.keep:
            terms.append("keep=" + ",".join(self.keep))
        if not self.residual and self.sections is None:
            terms.insert(0, "xnor")
        return "+".join(terms)

    @property
    def file_name(self) -> str:
        """The plan's text as part of a file name."""
        return re.sub("[=,+]", "-", str(self))

    def is_binary_stage(self, stage: str) -> bool:
        """Returns whether the layers of `stage` are binary, `keep` aside."""
        return self.sections is None or stage in self.sections

    def check(self, layers: Mapping[str, str]) -> None:
        """Checks that the stages and layers this plan names exist.

        Args:
            layers: stage of each layer that may be binary, by name of the layer.

        Raises:
            HybridTFError: for a stage or layer that does not exist, with the nearest one that does.
        """
        stages = list(dict.fromkeys(layers.values()))
        for stage in self.sections or ():
            if stage not in stages:
                raise unknown("stage", stage, stages)
        for layer in self.keep:
            if layer not in layers:
                raise unknown("layer", layer, layers)


FULL_PRECISION = Plan(sections=())
XNOR = Plan()
RESIDUAL = Plan(residual=True)
