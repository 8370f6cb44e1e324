/* Families of models that are not supported, by names that only their tensors have. */
#include <string.h>

#include "names.h"
#include "quote.h"

/* A family is recognised by a tensor name that contains `part` and, where `also` is not NULL,
 * another one that contains `also`. */
static const struct family {
    const char *part, *also, *what;
} families[] = {
    { "relative_position_bias_table", "layers.0.blocks", "a Swin Transformer (shifted windows)" },
    { "relative_position_bias_table", "features.1", "a Swin Transformer (torchvision)" },
    { "attn.cpb_mlp", NULL, "a Swin Transformer V2" },
    { "relative_position_bias_table", "stages.0.blocks.0.", "a MaxViT or CoAtNet" },
    { "relative_position_bias_table", NULL, "a ViT with relative positions (BEiT)" },
    { "attn.q_bias", NULL, "a BEiT or EVA (biases of q and v alone)" },
    { "attn.q_proj.", NULL, "an EVA-02 (separate projections, rotary positions)" },
    { "mlp.fc1_g", NULL, "an EVA-02 or AIMv2 (gated MLP)" },
    { "attn_pool.", NULL, "a ViT with attention pooling (SigLIP, PE, timm's map)" },
    { "freqs_t_x", NULL, "a ViT with rotary positions (naver's rope_mixed)" },
    { "rope.freqs", "blocks.0.", "a ViT with rotary positions (timm's rope_mixed)" },
    { "attns.0.", NULL, "a ViT with parallel attention" },
    { "patch_embed.backbone.", NULL, "a hybrid of a ResNet and a ViT" },
    { "rope_embed.", NULL, "a DINOv3 (rotary positions)" },
    { "blocks_token_only.", NULL, "a CaiT (class attention)" },
    { "pos_embeder.", NULL, "an XCiT (attention over channels)" },
    { "pos_embed.token_projection", NULL, "an XCiT (attention over channels)" },
    { "embeds.proj.", "blocks.0.attn.", "a NaFlexViT" },
    { "pos_block.", NULL, "a Twins (attention in windows)" },
    { "rel_pos_h", NULL, "a ViT with relative positions (SAM, MViT)" },
    { "rel_pos.mlp.", "stages.0.blocks.0.", "a MaxViT or CoAtNet" },
    { "rel_pos.mlp.", NULL, "a ViT with relative positions (timm's relpos)" },
    { "lambda_q1", NULL, "a differential Transformer" },
    { "attn.norm.", "mlp.norm.", "a BEiT-3 (norms inside the branches)" },
    { "A_logs", NULL, "a VMamba (cross scan in four directions)" },
    { "x_proj_weight", NULL, "a VMamba (cross scan in four directions)" },
    { "levels.2.blocks.0.mixer", NULL, "a MambaVision (Mamba and attention mixed)" },
    { "embedding.weight", "layers.0.mixer", "a Mamba language model" },
    { "embeddings.weight", "layers.0.mixer", "a Mamba language model" },
    { "layer1.0.conv1.weight", NULL, "a ResNet" },
    { "stages.0.blocks.0.conv_dw", ".xca.", "an EdgeNeXt" },
    { "stages.0.blocks.0.conv_dw", NULL, "a ConvNeXt" },
    { "downsample_layers.0", NULL, "a ConvNeXt" },
    { "conv_stem.weight", NULL, "an EfficientNet or MobileNet" },
    { "visual.transformer.resblocks", NULL, "a CLIP model (two towers, no class head)" },
    { "vision_model.embeddings", NULL, "a CLIP or SigLIP model (Hugging Face names)" },
    { "decoder_embed.weight", NULL, "an MAE before fine-tuning (encoder, decoder, no class head)" },
};

static bool any_name_holds(const struct checkpoint *ck, const char *part)
{
    for (size_t i = 0; i < ck->count; i++)
        if (strstr(ck->tensors[i].name, part) != NULL)
            return true;
    return false;
}

enum status names_refuse_families(const struct checkpoint *ck, struct error *err)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct family *f = &families[i];
        if (any_name_holds(ck, f->part) && (f->also == NULL || any_name_holds(ck, f->also)))
            return fail(
                err, E_DATA,
                "%s: %s, which is not supported (told by its tensor names, '%s'): evalh reads "
                "ViTs (timm's, DeiT, DINO, DINOv2, CLIP's kind, Hugging Face's, "
                "torchvision's) and Vims; any other model runs in a process of its own "
                "(model.arch = worker)",
                ck->path, f->what, f->part);
    }
    return OK;
}
