"""A CLIP learns the stamps, with LoRA: which picture belongs to which text.

Behind the colon stands the checkpoint, a folder or a name of the hub:

    python train.py --workdir runs/clip \\
        --config configs/clip_finetune.py:openai/clip-vit-base-patch32

What it has become is exported as docs/pretrained.md shows.
"""

from mmjax import pretrained
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.evaluators.retrieval import Retrieval
from mmjax.models.lora import LoRA
from mmjax.objectives.contrastive import Contrastive
from mmjax.train.config import Checkpointing, Config
from mmjax.train.groups import Groups
from mmjax.train.optimizer import AdamW


def get_config(checkpoint: str) -> Config:
  clip = pretrained.find(checkpoint)
  tokens = pretrained.TokensFor(checkpoint=checkpoint, length=32)
  return Config(
    data=Stamps(
      image_size=224,
      tokenizer=tokens,
      resize=pretrained.PixelsFor(checkpoint=checkpoint),
      # The sound is not listened to, and texts are English.
      audio_seconds=0.1,
      default_rate=1.0,
      augment=(
        RandomResizedCrop(size=224, scale=(0.7, 1.0), ratio=(0.8, 1.25)),
        RandomFlip(),
      ),
    ),
    model=LoRA(
      model=clip.model, kernels=(r'attention/(query|value)/kernel$',), rank=8
    ),
    start=pretrained.FromCheckpoint(name=checkpoint),
    objectives={'align': Contrastive(pairs=(('image', 'text'),), same='group')},
    evaluators={
      'text_to_image': Retrieval(query='text', key='image', tokenizer=tokens),
      'image_to_text': Retrieval(query='image', key='text', tokenizer=tokens),
    },
    # What CLIP knows stays as it is.
    optimizer=AdamW(
      peak_lr=1e-3, weight_decay=0.0, groups=Groups(only=('^lora/',))
    ),
    batch_size=64,
    steps=200,
    checkpoint=Checkpointing(every=50, best='text_to_image/recall_at_1'),
  )
