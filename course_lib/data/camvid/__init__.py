"""CamVid: 701 frames of road scenes and the class of every pixel, read as they lie on disk.

Two layouts are known; which one it is shows in the folders.

=========  ==========================================  ==========================================
layout     images                                      masks
=========  ==========================================  ==========================================
split      ``train_images/``, ``valid_images/``, …     ``train_labels/``, ``valid_labels/``, …
official   ``701_StillsRaw_full/``                     ``LabeledApproved_full/``
=========  ==========================================  ==========================================

A mask has its image's name, or that name with ``_L`` behind. ``label_colors.txt``, where it lies
in the root, decides colours and order of the classes. In the official layout all frames lie in one
folder; they are split by their names, into the 367, 101 and 233 frames that papers report on.

A mask codes the class of a pixel in one of three ways, and which one it is shows in the file: an
RGB picture by colour; a picture with a palette by the palette's colour, if that is CamVid's; all
others by the number itself.
"""

from course_lib.data.camvid.augmentation import MEAN, STD, Augmentation
from course_lib.data.camvid.dataset import SPLITS, CamVid
from course_lib.data.camvid.masks import CODINGS, IGNORE

__all__ = ["CODINGS", "IGNORE", "MEAN", "SPLITS", "STD", "Augmentation", "CamVid"]
