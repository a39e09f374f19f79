"""Names of cases and kinds of files, told from paths alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_progseg import io
from napari_progseg.io.names import named_like_labels, natural_order


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("a.nii.gz", "a"),
        ("a.b.nii.gz", "a.b"),
        ("p1_0000.nii.gz", "p1"),
        ("p1_seg.nrrd", "p1"),
        ("p1_LABEL.MHA", "p1"),
        ("p1_mask.tif", "p1"),
        ("p1.seg.nrrd", "p1"),
        ("p1_0000_seg.nii", "p1"),
        ("_seg.nii", "_seg"),
        ("mask.nii", "mask"),
        ("p_0001.nii", "p_0001"),
        ("Größe 5.nii.gz", "Größe 5"),
    ],
)
def test_case_names_drop_what_marks_role_or_format(name: str, case: str) -> None:
    assert io.case_name(Path(name)) == case


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("x/a_seg.nii", True),
        ("x/a_label.nii", True),
        ("x/a-mask.nii", True),
        ("x/a_seg_2.nii", True),
        ("labelsTr/a.nii", True),
        ("labels/a.nii", True),
        ("nrrd_labels/a.nrrd", True),
        ("masks/a.nii", True),
        ("x/a.seg.nrrd", True),
        ("images/a.nii", False),
        ("x/segment.nii", False),
        ("x/unlabelled.nii", False),
    ],
)
def test_labels_are_told_by_name_or_folder(path: str, labels: bool) -> None:
    assert named_like_labels(Path(path)) is labels


@pytest.mark.parametrize(
    ("source", "suffix"),
    [
        ("a.nii.gz", ".nii.gz"),
        ("a.nii", ".nii"),
        ("a.seg.nrrd", ".nrrd"),
        ("a.mhd", ".mha"),
        ("a.mha", ".mha"),
        ("a.ome.tif", ".tif"),
        ("a.hdr", ".nii.gz"),
        ("a.mgz", ".nii.gz"),
        ("a.dcm", ".nii.gz"),
        (".", ".nii.gz"),
    ],
)
def test_labels_are_saved_in_the_format_of_their_image_where_possible(source: str, suffix: str) -> None:
    assert io.label_suffix(Path(source)) == suffix


def test_images_are_found_in_natural_order_without_junk(tmp_path: Path) -> None:
    for name in ("c10.nii.gz", "c2.nii.gz", "._c2.nii.gz", "Thumbs.db", "readme.txt", "d.hdr", "d.img", "sub/e.mha"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty.nii").touch()
    names = [str(p.relative_to(tmp_path)) for p in io.find_images(tmp_path)]
    assert names == ["c2.nii.gz", "c10.nii.gz", "d.hdr", str(Path("sub", "e.mha"))]
    assert natural_order("a2") < natural_order("a10")
