"""Architectures that nobody here chose, by timm, with random weights: each held against the second oracle.

    python -m tests.architectures [names]      all of them, or these, in a table

What timm builds is not ours to look at: its layers write in place, share modules, permute, reshape and run twice as
their authors pleased.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, OUTPUT, ClassScore, Site
from tests import second_oracle
from tests.reference import relative_error

SITES = 10
CLASS = 3
NEARLY_ZERO = 1e-3
SAME = 1e-12
"""Largest relative difference of one answer to one question."""
TESTED = (
    "levit_128s",
    "efficientformer_l1",
    "xcit_nano_12_p16_224",
    "convnextv2_atto",
    "poolformer_s12",
    "mobilevitv2_050",
    "edgenext_xx_small",
    "densenet121",
    "pit_ti_224",
    "pvt_v2_b0",
    "ghostnet_050",
    "vit_tiny_patch16_224",
)
"""Those among the tests."""
SIDE = 64
LARGER = {"efficientformer_l1": 224, "inception_v3": 96}
"""Pictures whose side is not ``SIDE``."""
BUILT_FOR_A_SIZE = frozenset(
    """levit_128s pit_ti_224 gcvit_xxtiny efficientformerv2_s0 vit_tiny_patch16_224 swin_tiny_patch4_window7_224
    swinv2_tiny_window8_256 cait_xxs24_224 coat_tiny convit_tiny tnt_s_legacy_patch16_224 mixer_s32_224 gmlp_ti16_224
    resmlp_12_224 maxvit_pico_rw_256 coatnet_nano_rw_224 visformer_tiny eva02_tiny_patch14_224 hiera_tiny_224 nest_tiny
    volo_d1_224 botnet26t_256""".split()
)
"""What timm must be told the side of when it builds it."""
OF_ANY_SIZE = """
    efficientformer_l1 xcit_nano_12_p16_224 convnextv2_atto poolformer_s12 mobilevitv2_050 edgenext_xx_small
    densenet121 pvt_v2_b0 ghostnet_050 resnet18 seresnet18 skresnet18 res2net50_14w_8s vgg11 mobilenetv3_small_050
    efficientnet_lite0 mobilenetv4_conv_small mnasnet_small hardcorenas_a regnety_002 dla46_c repvgg_a0 rexnet_100
    selecsls42 inception_v3 hrnet_w18_small cspresnet50 ese_vovnet19b_slim_dw xception41 dm_nfnet_f0 gernet_s
    tresnet_m crossvit_tiny_240 twins_svt_small mobilevit_xxs davit_tiny focalnet_tiny_srf fastvit_t8 repvit_m0_9
    efficientvit_m0 tiny_vit_5m_224 inception_next_atto sequencer2d_s mambaout_femto starnet_s1
    swiftformer_xs hgnetv2_b0 mvitv2_tiny lambda_resnet26t fasternet_t0 shvit_s1 rdnet_tiny""".split()
NAMES = (*TESTED, *sorted({*OF_ANY_SIZE, *BUILT_FOR_A_SIZE} - {*TESTED}))


@dataclass(frozen=True, slots=True)
class Finding:
    """What two oracles say of one architecture."""

    name: str
    family: str
    sites: int
    """How many sites a gradient reaches."""
    verdicts: dict[Site, second_oracle.Verdict]
    """Of the input and of ten sites, against finite differences."""
    batch: dict[Site, float]
    """Relative error against the image twice in a batch, where that can be compared."""
    crosstalk: float
    alone: float
    """Relative difference of the input gradient asked for alone and with the ten sites."""
    seconds: float
    """Of the processor."""

    @property
    def errors(self) -> list[str]:
        """What is wrong, each in words."""
        close = second_oracle.CLOSE
        return [
            *(f"{site}: {v.error:.1e} from finite differences" for site, v in self.verdicts.items() if not v.agrees),
            *(f"{site}: {error:.1e} from a batch of two" for site, error in self.batch.items() if error > close),
            *(
                [f"the input gradient alone is {self.alone:.1e} from the one among others"]
                if self.alone > 1e-12
                else []
            ),
            *([f"the second image changes the first by {self.crosstalk:.1e}"] if self.crosstalk else []),
        ]


def family(name: str) -> str:
    """The file of timm's that builds the architecture."""
    return timm.model_entrypoint(name).__module__.removeprefix("timm.models.")


def side(name: str) -> int:
    """Of its picture."""
    return LARGER.get(name, SIDE)


def build(name: str) -> nn.Module:
    """The architecture in evaluation mode and double precision, with seeded random weights. Heads, biases and scales of
    branches that start at zero or near it get other values, or they would hide much of the network; batch norms get the
    statistics of a few random images, a little off, or the score would hardly depend on the image in a deep network."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of timm's and torch's own making
        options: dict[str, Any] = {"img_size": side(name)} if name in BUILT_FOR_A_SIZE else {}
        module: nn.Module = timm.create_model(name, pretrained=False, **options).double()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.abs().max() < NEARLY_ZERO:
                parameter.normal_(std=0.1)
        norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        module.train()(torch.randn(4, 3, side(name), side(name), dtype=torch.float64))
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.add_(norm.running_var.sqrt() * torch.randn_like(norm.running_mean) / 10)
            norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.5, 1.5)).add_(1e-3)
    return module.eval()


def score(output: Tensor) -> Tensor:
    """The logit of one class, for the first image."""
    return output[0, CLASS]


def examine(name: str, directions: int = 1) -> Finding:
    """The input gradient and ten sites of one architecture against both oracles."""
    start = time.process_time()
    module = build(name)
    x = torch.randn(1, 3, side(name), side(name), dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    with second_oracle.plain_attention():
        reachable = _reachable(module, x)
        sites = [INPUT, *_spread(reachable)]
        found = trace.gradients(module, x, target=ClassScore(CLASS), wrt=sites)
        alone = trace.gradients(module, x, target=ClassScore(CLASS)).gradients[INPUT]
    values, slopes = found.activations, found.gradients
    verdicts = {
        site: second_oracle.differences(module, x, site, values[site], slopes[site], score, directions)
        for site in sites
    }
    both = second_oracle.twice(module, x, score, sites)
    compared = {site: _against(both, site, values[site], slopes[site]) for site in sites}
    return Finding(
        name=name,
        family=family(name),
        sites=len(reachable),
        verdicts=verdicts,
        batch={site: error for site, error in compared.items() if error is not None},
        crosstalk=both.crosstalk,
        alone=relative_error(alone, slopes[INPUT]),
        seconds=time.process_time() - start,
    )


def _reachable(module: nn.Module, x: Tensor) -> list[Site]:
    """The sites within the network that a gradient of the score reaches, without those that hand on a value as it is:
    moving it there would be too late for whoever read it before."""
    infos = [info for info in trace.survey(module, x) if info.differentiable and info.site.path and not info.same_as]
    watched = trace.forward(module, x)
    gradients = trace.differentiate(watched, score(watched.value(OUTPUT)), [info.site for info in infos])
    return [site for site, gradient in gradients.items() if gradient is not None and site != INPUT]


def _spread(sites: list[Site]) -> list[Site]:
    """Ten sites, evenly from the first to the last."""
    count = min(SITES, len(sites))
    return [sites[round(place * (len(sites) - 1) / max(1, count - 1))] for place in range(count)]


def _against(both: second_oracle.Twice, site: Site, value: Tensor, gradient: Tensor) -> float | None:
    """The error of a gradient against the one of the first of two images; None where the value has no part that belongs
    to the first image alone."""
    half = second_oracle.first_half(both.values[site], value)
    if half is None or relative_error(half, value) > 1e-9 or site not in both.gradients:
        return None
    slope = second_oracle.first_half(both.gradients[site], gradient)
    return None if slope is None else relative_error(gradient, slope)


# ---------------------------------------------------------------------------------------------------------- the command


def main() -> int:
    """Print a line for each architecture, and what is wrong with it; 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="some of those in this file; all of them without any")
    names = parser.parse_args().names or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"{unknown[0]} is not in the list of this file")
    findings = []
    print(f"torch {torch.__version__}, timm {timm.__version__}, double precision on the CPU; relative errors")
    print(f"{'architecture':30} {'family':22} sites    input  worst of ten  twice in a batch  kinks     s")
    for name in names:
        finding = examine(name, directions=2)
        findings.append(finding)
        _print(finding)
    wrong = [finding for finding in findings if finding.errors]
    families = {finding.family for finding in findings}
    print(f"{len(findings)} architectures of {len(families)} families, {len(wrong)} wrong")
    return bool(wrong)


def _print(finding: Finding) -> None:
    inner = [verdict.error for site, verdict in finding.verdicts.items() if site != INPUT]
    kinks = sum(verdict.kinks for verdict in finding.verdicts.values())
    print(
        f"{finding.name:30} {finding.family:22} {finding.sites:5}  {finding.verdicts[INPUT].error:7.0e}  "
        f"{max(inner):12.0e}  {max(finding.batch.values()):7.0e} ({len(finding.batch):2} of {len(finding.verdicts)})  "
        f"{kinks:5}  {finding.seconds:4.0f}",
        flush=True,
    )
    for error in finding.errors:
        print(f"    {error}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
