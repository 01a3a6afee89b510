"""timm: one of the smallest of each family."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import timm

from benchmarks.sweep.cases import Model, image

_ANY_SIZE = (
    "resnet18 resnetv2_50 seresnet50 skresnet18 ecaresnet26t resnest14d res2net50_26w_4s nf_resnet26 nfnet_f0 "
    "efficientnet_b0 efficientnetv2_rw_t mixnet_s mobilenetv3_small_050 mobilenetv4_conv_small ghostnet_050 "
    "mobileone_s0 repvgg_a0 fastvit_t8 dla34 dpn48b densenet121 cspdarknet53 ese_vovnet19b_dw hrnet_w18_small "
    "regnety_002 xception41 inception_next_atto convnextv2_atto selecsls42b rexnet_100 lambda_resnet26t "
    "edgenext_xx_small starnet_s1 hgnetv2_b0 focalnet_tiny_srf pvt_v2_b0 poolformer_s12 "
    "efficientvit_b0 mambaout_femto repvit_m0_9 convmixer_768_32 efficientvim_m1 csatv2"
).split()
_OWN_SIZE = (
    "vit_tiny_patch16_224 deit_tiny_patch16_224 vit_small_patch14_reg4_dinov2 swin_tiny_patch4_window7_224 "
    "mixer_s16_224 gmlp_ti16_224 resmlp_12_224 cait_xxs24_224 xcit_nano_12_p16_224 convit_tiny coat_tiny "
    "crossvit_tiny_240 levit_128s pit_ti_224 twins_svt_small nest_tiny maxvit_rmlp_pico_rw_256 mvitv2_tiny "
    "davit_tiny gcvit_xxtiny hiera_tiny_224 efficientformer_l1 sequencer2d_s volo_d1_224 eva02_tiny_patch14_224 "
    "mobilevit_xxs halonet26t botnet26t_256 vit_relpos_small_patch16_224 tiny_vit_5m_224 vit_small_patch16_dinov3 "
    "tnt_s_patch16_224 bat_resnext26ts visformer_tiny"
).split()


def _made(name: str, side: int | None) -> Model:
    module: Any = timm.create_model(name, pretrained=False)
    return module, (image(side or int(module.default_cfg["input_size"][1])),)


MODELS: dict[str, Callable[[], Model]] = {
    **{name: partial(_made, name, 96) for name in _ANY_SIZE},
    **{name: partial(_made, name, None) for name in _OWN_SIZE},
}
