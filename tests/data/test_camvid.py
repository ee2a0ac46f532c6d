"""CamVid's reader, on small sets that are drawn here; colours and classes are written out anew."""

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.data.camvid import IGNORE, MEAN, STD, Augmentation, CamVid

# Some lines of the official file: colour, name, place among the 32, place among the 11.
CLASSES = [
    ((64, 128, 64), "Animal", 0, 9),
    ((128, 0, 0), "Building", 4, 1),
    ((64, 0, 128), "Car", 5, 8),
    ((128, 0, 192), "LaneMkgsDriv", 10, 3),
    ((128, 64, 128), "Road", 17, 3),
    ((128, 128, 128), "Sky", 21, 0),
    ((0, 0, 0), "Void", IGNORE, IGNORE),
    ((64, 192, 0), "Wall", 31, 1),
]
FRAMES = {
    "train": ["0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_07980", "0016E5_08161"],
    "valid": ["0016E5_07959", "0016E5_08159"],
    "test": ["0001TP_008550", "Seq05VD_f00000", "Seq05VD_f05100"],
}
SIZE = (12, 16)


def _draw(seed, size=SIZE):
    """An image, and which of CLASSES every pixel has."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
    return image, generator.integers(0, len(CLASSES), size)


def _rgb(chosen):
    return Image.fromarray(np.array([c[0] for c in CLASSES], np.uint8)[chosen])


def _index32(chosen):
    return Image.fromarray(np.array([{IGNORE: 30}.get(c[2], c[2]) for c in CLASSES], "u1")[chosen])


def _index11(chosen):
    return Image.fromarray(np.array([{IGNORE: 11}.get(c[3], c[3]) for c in CLASSES], "u1")[chosen])


def _palette_of_camvid(chosen):
    picture = Image.fromarray(chosen.astype(np.uint8))
    picture.putpalette([v for c in CLASSES for v in c[0]])
    return picture


def _other_palette(colours):
    def code(chosen):
        picture = _index32(chosen)
        picture.putpalette(colours)
        return picture

    return code


def _voc():
    """The palette of VOC and its followers, of which some colours are also CamVid's."""
    colours = []
    for index in range(256):
        red = green = blue = 0
        for bit in range(8):
            red |= (index >> (3 * bit) & 1) << (7 - bit) if 3 * bit < 8 else 0
            green |= (index >> (3 * bit + 1) & 1) << (7 - bit) if 3 * bit + 1 < 8 else 0
            blue |= (index >> (3 * bit + 2) & 1) << (7 - bit) if 3 * bit + 2 < 8 else 0
        colours += [red, green, blue]
    return colours


CODES = {
    "rgb": _rgb,
    "rgba": lambda chosen: _rgb(chosen).convert("RGBA"),
    "palette of CamVid": _palette_of_camvid,
    "palette of 10 40 70": _other_palette([10 + 30 * (i // 3) % 200 for i in range(96)]),
    "palette of VOC": _other_palette(_voc()),
    "grey palette": _other_palette([i // 3 for i in range(768)]),
    "index": _index32,
    "index of 16 bits": lambda chosen: Image.fromarray(
        np.asarray(_index32(chosen)).astype(np.uint16)
    ),
}


def _split_layout(root, code=_rgb, frames=FRAMES, suffix="", size=SIZE):
    for s, (split, names) in enumerate(frames.items()):
        for kind in ("images", "labels"):
            (root / f"{split}_{kind}").mkdir(parents=True)
        for i, name in enumerate(names):
            image, chosen = _draw(100 * s + i, size)
            Image.fromarray(image).save(root / f"{split}_images" / f"{name}.png")
            code(chosen).save(root / f"{split}_labels" / f"{name}{suffix}.png")
    return root


def _official_layout(root, code=_rgb):
    for folder in ("701_StillsRaw_full", "LabeledApproved_full"):
        (root / folder).mkdir(parents=True)
    for s, names in enumerate(FRAMES.values()):
        for i, name in enumerate(names):
            image, chosen = _draw(100 * s + i)
            Image.fromarray(image).save(root / "701_StillsRaw_full" / f"{name}.png")
            code(chosen).save(root / "LabeledApproved_full" / f"{name}_L.png")
    return root


def _expected(seed, classes, size=SIZE):
    image, chosen = _draw(seed, size)
    column = 2 if classes == 32 else 3
    pixels = (image / 255 - np.array(MEAN)) / np.array(STD)
    mask = np.array([c[column] for c in CLASSES])[chosen]
    return torch.from_numpy(pixels.transpose(2, 0, 1)).float(), torch.from_numpy(mask)


@pytest.mark.parametrize("classes", [11, 32])
@pytest.mark.parametrize("code", CODES)
def test_every_coding_of_a_mask_is_read_rightly(tmp_path, code, classes):
    _split_layout(tmp_path, CODES[code])
    dataset = CamVid(tmp_path, "train", classes, index_classes=32)
    assert len(dataset.names) == classes
    for item in range(len(dataset)):
        image, mask = dataset[item]
        expected_image, expected_mask = _expected(item, classes)
        assert image.dtype == torch.float32
        assert mask.dtype == torch.int64
        assert torch.allclose(image, expected_image, atol=1e-5)
        assert torch.equal(mask, expected_mask)


def test_index_masks_of_eleven_classes(tmp_path):
    dataset = CamVid(_split_layout(tmp_path, _index11), "valid")
    assert torch.equal(dataset[1][1], _expected(101, 11)[1])


@pytest.mark.parametrize("layout", [_split_layout, _official_layout])
@pytest.mark.parametrize("split", FRAMES)
def test_both_layouts_give_the_same_splits_in_order(tmp_path, layout, split):
    dataset = CamVid(layout(tmp_path), split, 32)
    assert [image.stem for image, _ in dataset.files] == FRAMES[split]
    assert all(mask.stem.startswith(image.stem) for image, mask in dataset.files)


def test_the_official_split_has_as_many_frames_as_papers_say(tmp_path):
    # Frames as the official archive holds them, in steps of 30 (1 Hz) and of 2 (15 Hz).
    names = [f"0001TP_{frame:06}" for frame in range(6690, 10381, 30)]
    names += [f"0016E5_{frame:05}" for frame in range(7959, 8160, 2)]
    for name in names:
        for folder, suffix in (("701_StillsRaw_full", ""), ("LabeledApproved_full", "_L")):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.new("RGB", (1, 1)).save(tmp_path / folder / f"{name}{suffix}.png")
    assert [len(CamVid(tmp_path, split)) for split in FRAMES] == [62, 101, 62]


def test_label_colors_decides_order_and_colours(tmp_path):
    _official_layout(tmp_path)
    lines = [f"{r} {g} {b}\t\t{name}" for (r, g, b), name, _, _ in reversed(CLASSES)]
    filler = [f"1 2 {i} Filler{i}" for i in range(32 - len(lines))]
    (tmp_path / "label_colors.txt").write_text("\n".join([*lines, "", *filler]), encoding="utf-8")
    dataset = CamVid(tmp_path, "train", 32)
    assert dataset.names[:3] == ("Wall", "Void", "Sky")
    _, chosen = _draw(0)
    expected = len(CLASSES) - 1 - chosen
    expected[chosen == 6] = IGNORE
    assert np.array_equal(dataset[0][1].numpy(), expected)
    with pytest.raises(ValueError, match=r"label_colors.txt: 'Filler0' is in none of the 11"):
        CamVid(tmp_path, "train", 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("64 128 64 Animal\nno line", "line 2 is not"),
        ("64 128 300 Animal", "line 1 is not"),
        ("1 2 3 Car\n1 2 3 Sky", "line 2 repeats"),
        ("\n", "no class"),
        ("1 2 3 Car", "lists 1 classes, not 32"),
    ],
)
def test_a_broken_label_colors_is_refused(tmp_path, text, message):
    _split_layout(tmp_path)
    (tmp_path / "label_colors.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"label_colors\.txt: .*{message}"):
        CamVid(tmp_path, "train", 32)


def test_resize_keeps_the_shape_and_invents_no_class(tmp_path):
    _split_layout(tmp_path)
    image, mask = CamVid(tmp_path, "train", 32, height=9)[0]
    assert image.shape == (3, 9, 12)
    assert mask.shape == (9, 12)
    assert set(mask.unique().tolist()) <= {c[2] for c in CLASSES}
    double = CamVid(tmp_path, "train", 32, height=24)[0][1]
    expected = _expected(0, 32)[1].repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(double, expected)


def _road(root):
    """Images whose colour says the class of the pixel, with the road below and the sky above."""
    split = [root / f"train_{kind}" for kind in ("images", "labels")]
    for folder in split:
        folder.mkdir(parents=True)
    for i in range(4):
        chosen = np.full((24, 32), 4)
        chosen[:8] = 5
        chosen[8:16, :14] = 1
        for folder in split:
            _rgb(chosen).save(folder / f"{i}.png")
    return root


def test_augmentation_changes_image_and_mask_alike_and_is_decided_by_the_seed(tmp_path):
    _road(tmp_path)
    change = Augmentation(scale=(1.0, 1.0), crop=(15, 21))
    dataset = CamVid(tmp_path, "train", 32, augmentation=change, seed=3)
    colours = {c[2]: c[0] for c in CLASSES}
    seen = []
    for epoch in range(8):
        image, mask = dataset.at_epoch(epoch)[1]
        assert mask.shape == (15, 21)
        pixels = (
            image * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
        ) * 255
        for value in mask.unique().tolist():
            expected = torch.tensor(colours[value]).float()[:, None]
            assert (pixels[:, mask == value] - expected).abs().max() < 0.01
        # No vertical flip: never sky below road.
        sky = (mask == 21).nonzero()
        road = (mask == 17).nonzero()
        assert not len(sky) or sky[:, 0].max() < road[:, 0].max()
        again = CamVid(tmp_path, "train", 32, augmentation=change, seed=3).at_epoch(epoch)[1]
        assert torch.equal(image, again[0])
        assert torch.equal(mask, again[1])
        seen.append(mask)
    assert any(not torch.equal(seen[0], other) for other in seen[1:])
    # The building at the left is at the right where the picture was flipped.
    left = [bool((m[:, 0] == 4).any()) for m in seen]
    right = [bool((m[:, -1] == 4).any()) for m in seen]
    assert right == [not at_left for at_left in left]
    assert set(left) == {False, True}


def test_flips_only(tmp_path):
    _road(tmp_path)
    plain = CamVid(tmp_path, "train", 32)[0]
    always = Augmentation(flip=1.0, scale=(1.0, 1.0))
    flipped = CamVid(tmp_path, "train", 32, augmentation=always)[0]
    assert torch.equal(flipped[0], plain[0].flip(2))
    assert torch.equal(flipped[1], plain[1].flip(1))


def test_what_lies_outside_of_the_picture_is_ignored(tmp_path):
    _road(tmp_path)
    change = Augmentation(flip=0.0, scale=(0.5, 0.5))
    image, mask = CamVid(tmp_path, "train", 32, augmentation=change)[0]
    assert image.shape == (3, 24, 32)
    assert (mask != IGNORE).sum() == 12 * 16
    assert image[:, mask == IGNORE].abs().max() < 0.02  # the mean colour, to a step of 1/255


@pytest.mark.parametrize("seed", range(4))
def test_scaled_images_and_masks_still_lie_on_each_other(tmp_path, seed):
    _road(tmp_path)
    dataset = CamVid(tmp_path, "train", 32, augmentation=Augmentation(scale=(0.6, 2)), seed=seed)
    image, mask = dataset[0]
    known = [c for c in CLASSES if c[2] in (4, 17, 21)]
    colours = torch.tensor([c[0] for c in known]) / 255
    colours = (colours - torch.tensor(MEAN)) / torch.tensor(STD)
    nearest = (image[None] - colours[:, :, None, None]).square().sum(1).argmin(0)
    right = torch.tensor([c[2] for c in known])[nearest] == mask
    assert right[mask != IGNORE].double().mean() > 0.97  # the blurred borders may differ


def test_no_augmentation_outside_of_training(tmp_path):
    _split_layout(tmp_path)
    for split in ("valid", "test"):
        with pytest.raises(ValueError, match="for training"):
            CamVid(tmp_path, split, augmentation=Augmentation())


def test_loaders(tmp_path):
    _split_layout(tmp_path)
    train = CamVid(tmp_path, "train", augmentation=Augmentation(), seed=1)
    first = [m for _, m in train.loader(2, epoch=4)]
    again = [m for _, m in train.loader(2, epoch=4, workers=2)]
    assert [len(m) for m in first] == [2, 2]  # the incomplete one is left out
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(list(train.loader(50))) == 1
    orders = [list(train.loader(2, epoch=e).sampler) for e in range(6)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    test = CamVid(tmp_path, "test")
    masks = torch.cat([m for _, m in test.loader(2)])
    assert torch.equal(masks, torch.stack([_expected(200 + i, 11)[1] for i in range(3)]))


def test_the_files_to_skip(tmp_path):
    _split_layout(tmp_path, suffix="_L")
    for name in ("Thumbs.db", ".hidden.png", "notes.txt"):
        (tmp_path / "train_images" / name).write_text("", encoding="utf-8")
    assert len(CamVid(tmp_path, "train")) == len(FRAMES["train"])


class TestFaultsOnDisk:
    """Each is one line with the name of the file or folder."""

    def _refused(self, message, *arguments, **options):
        with pytest.raises(ValueError, match=message) as caught:
            list(CamVid(*arguments, **options))
        assert "\n" not in str(caught.value)

    def test_missing_folder(self, tmp_path):
        self._refused("nowhere: no such folder", tmp_path / "nowhere", "train")
        self._refused("train_images: no such folder", tmp_path, "train")
        (tmp_path / "train_images").mkdir()
        self._refused("train_labels: no such folder", tmp_path, "train")
        (tmp_path / "701_StillsRaw_full").mkdir()
        self._refused("LabeledApproved_full: no such folder", tmp_path, "train")

    def test_empty_folder(self, tmp_path):
        for kind in ("images", "labels"):
            (tmp_path / f"train_{kind}").mkdir()
        self._refused("train_images: it holds no picture", tmp_path, "train")

    def test_image_without_mask(self, tmp_path):
        _split_layout(tmp_path)
        (tmp_path / "valid_labels" / "0016E5_08159.png").unlink()
        self._refused(r"0016E5_08159\.png: no mask", tmp_path, "valid")

    def test_mask_of_another_size(self, tmp_path):
        _split_layout(tmp_path)
        _rgb(_draw(0, (5, 7))[1]).save(tmp_path / "valid_labels" / "0016E5_07959.png")
        message = r"0016E5_07959\.png: the mask is 5×7, its image is 12×16"
        self._refused(message, tmp_path, "valid")

    @pytest.mark.parametrize("palette", [False, True])
    def test_unknown_colour(self, tmp_path, palette):
        _split_layout(tmp_path)
        picture = _rgb(np.full(SIZE, 4))
        picture.putpixel((3, 2), (128, 64, 129))
        picture.putpixel((5, 2), (128, 0, 0))
        if palette:
            picture = picture.quantize(8)
        picture.save(tmp_path / "valid_labels" / "0016E5_07959.png")
        message = r"0016E5_07959\.png: \(128, 64, 129\) at row 2, column 3"
        self._refused(message, tmp_path, "valid", coding="colour")
        self._refused(message, tmp_path, "valid")

    def test_palette_that_could_be_read_both_ways(self, tmp_path):
        # The first colours of VOC: three of the five are CamVid's, too, and only those occur.
        _split_layout(tmp_path, frames={"train": ["a"]})
        picture = Image.fromarray(np.array([[0, 1, 3, 0]], np.uint8).repeat(12, 0).repeat(4, 1))
        picture.putpalette(_voc()[:15])
        picture.save(tmp_path / "train_labels" / "a.png")
        self._refused(r"a\.png: its palette is CamVid's in part only", tmp_path, "train")
        by_index = CamVid(tmp_path, "train", 32, coding="index")[0][1]
        assert by_index.unique().tolist() == [0, 1, 3]
        by_colour = CamVid(tmp_path, "train", 32, coding="colour")[0][1]
        assert by_colour.unique().tolist() == [4, 26, IGNORE]

    def test_number_without_class(self, tmp_path):
        _split_layout(tmp_path, _index32)
        self._refused(r"0001TP_006690\.png: \d+ at row .* none of 11", tmp_path, "train")

    def test_broken_picture(self, tmp_path):
        _split_layout(tmp_path)
        path = tmp_path / "valid_images" / "0016E5_07959.png"
        whole = path.read_bytes()
        path.write_bytes(b"no picture")
        self._refused(r"0016E5_07959\.png: this is no picture", tmp_path, "valid")
        path.write_bytes(whole[: len(whole) // 2])
        self._refused(r"0016E5_07959\.png: this is no picture", tmp_path, "valid")

    def test_unknown_name_of_a_frame(self, tmp_path):
        _official_layout(tmp_path)
        _rgb(_draw(0)[1]).save(tmp_path / "701_StillsRaw_full" / "holiday.png")
        _rgb(_draw(0)[1]).save(tmp_path / "LabeledApproved_full" / "holiday_L.png")
        self._refused(r"holiday\.png: this is no name", tmp_path, "train")

    def test_coding_that_a_file_has_not(self, tmp_path):
        _split_layout(tmp_path)
        self._refused("holds no numbers", tmp_path, "train", coding="index")
        _split_layout(tmp_path / "other", _index11)
        self._refused("holds no colours", tmp_path / "other", "train", coding="colour")


def test_wrong_arguments_are_refused(tmp_path):
    _split_layout(tmp_path)
    for arguments, message in [
        ({"split": "val"}, "train, valid, test"),
        ({"classes": 33}, "11 or 32"),
        ({"classes": 32, "index_classes": 11}, "cannot tell"),
        ({"height": 0}, "at least 1 pixel"),
        ({"coding": "rgb"}, "auto, colour, index"),
    ]:
        with pytest.raises(ValueError, match=message):
            CamVid(tmp_path, **{"split": "train", **arguments})
    with pytest.raises(ValueError, match="probability"):
        Augmentation(flip=2)
    with pytest.raises(ValueError, match="no range"):
        Augmentation(scale=(2, 1))
    with pytest.raises(ValueError, match="empty"):
        Augmentation(crop=(0, 3))
