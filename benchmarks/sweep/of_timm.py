"""timm: one of the smallest of each family."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import timm

from benchmarks.sweep.cases import Model, image

_ANY_SIZE = (
    "resnet18 resnet26t resnetv2_50 seresnet50 skresnet18 ecaresnet26t resnest14d res2net50_26w_4s gcresnet50t "
    "nf_resnet26 nfnet_f0 efficientnet_b0 tf_efficientnet_lite0 efficientnetv2_rw_t mixnet_s mobilenetv3_small_050 "
    "mobilenetv4_conv_small mobilenetv2_050 mnasnet_small fbnetc_100 spnasnet_100 hardcorenas_a ghostnet_050 "
    "ghostnetv2_100 mobileone_s0 repvgg_a0 repghostnet_050 fastvit_t8 dla34 dla46_c dpn48b densenet121 cspresnet50 "
    "cspdarknet53 vovnet39a ese_vovnet19b_dw hrnet_w18_small regnetx_002 regnety_002 regnetz_b16 xception41 "
    "inception_next_atto inception_v4 convnext_atto convnextv2_atto tresnet_m selecsls42b pnasnet5large "
    "legacy_xception rexnet_100 lcnet_050 tinynet_e bat_resnext26ts botnet26t_256 halonet26t lambda_resnet26t "
    "lamhalobotnet50ts_256 sebotnet33ts_256 edgenext_xx_small starnet_s1 rdnet_tiny hgnet_tiny hgnetv2_b0 "
    "focalnet_tiny_srf gernet_s visformer_tiny pvt_v2_b0 poolformer_s12 poolformerv2_s12 efficientvit_b0 "
    "mambaout_femto darknet53 tiny_vit_5m_224 repvit_m0_9 efficientvit_l1 csatv2 swiftformer_xs convmixer_768_32 "
    "efficientvim_m1 cspresnext50 iformer_t"
).split()
_OWN_SIZE = (
    "vit_tiny_patch16_224 deit_tiny_patch16_224 deit3_small_patch16_224 vit_small_patch14_reg4_dinov2 "
    "swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swin_s3_tiny_224 mixer_s16_224 gmlp_ti16_224 resmlp_12_224 "
    "cait_xxs24_224 xcit_nano_12_p16_224 convit_tiny coat_tiny crossvit_tiny_240 levit_128s pit_ti_224 "
    "twins_pcpvt_small twins_svt_small nest_tiny maxvit_rmlp_pico_rw_256 coatnet_nano_rw_224 mvitv2_tiny davit_tiny "
    "gcvit_xxtiny hiera_tiny_224 efficientformer_l1 efficientformerv2_s0 sequencer2d_s volo_d1_224 "
    "beit_base_patch16_224 eva02_tiny_patch14_224 maxxvit_rmlp_nano_rw_256 mobilevit_xxs mobilevitv2_050 shvit_s1 "
    "vit_wee_patch16_reg1_gap_256 vit_relpos_small_patch16_224 efficientvit_m0 naflexvit_base_patch16_gap "
    "caformer_s18 samvit_base_patch16 nextvit_small convformer_s18 vitamin_small_224 vit_pe_core_tiny_patch16_384 "
    "fasternet_t0 vit_small_patch16_dinov3 tnt_s_patch16_224 gmixer_24_224"
).split()


def _made(name: str, side: int | None) -> Model:
    module = timm.create_model(name, pretrained=False)
    return module, (image(side or int(module.default_cfg["input_size"][1])),)


MODELS: dict[str, Callable[[], Model]] = {
    **{name: partial(_made, name, 96) for name in _ANY_SIZE},
    **{name: partial(_made, name, None) for name in _OWN_SIZE},
}
