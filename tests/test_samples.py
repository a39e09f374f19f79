import io as standard_io
import socket
import tarfile

import numpy as np
import pytest
from scipy import ndimage

from napari_progseg import io, samples
from napari_progseg.errors import UserError
from napari_progseg.placement import geometry_of
from napari_progseg.samples import hippocampus, leg_ct, supershape, two_part_mr, write_cohort

SMALL_LEG = {"shape_zyx": (10, 48, 48)}


@pytest.fixture(scope="module")
def leg():
    return leg_ct(0)


@pytest.mark.parametrize("generate", [lambda **k: leg_ct(**k, **SMALL_LEG), two_part_mr], ids=["leg", "mr"])
def test_a_patient_is_the_same_each_time_and_differs_from_others_and_other_seeds(generate):
    first, again = generate(patient=3, seed=1), generate(patient=3, seed=1)
    np.testing.assert_array_equal(first[0].image, again[0].image)
    np.testing.assert_array_equal(first[1].labels, again[1].labels)
    for other in (generate(patient=4, seed=1), generate(patient=3, seed=2)):
        assert (first[1].labels != other[1].labels).any()
        assert np.abs(first[0].image.astype(int) - other[0].image).mean() > 5


@pytest.mark.parametrize("patient", range(4))
def test_every_leg_is_a_ct_with_air_fat_muscle_and_bone(patient):
    volume, labels = leg_ct(patient, **SMALL_LEG)
    assert volume.modality == "ct"
    assert volume.image.dtype == np.int16
    for low, high in [(-1024, -900), (-200, -60), (20, 100), (300, 1900)]:
        assert ((volume.image > low) & (volume.image < high)).mean() > 0.005
    # the thin bone runs through the whole leg
    assert (labels.labels == 1).any(axis=(1, 2)).all()
    assert not volume.geometry.mismatch(labels.geometry)


def test_the_labelled_bone_cannot_be_found_by_a_threshold(leg):
    volume, labels = leg
    dense, bone = volume.image > 300, labels.labels == 1
    assert (dense & ~bone).sum() > 2 * (dense & bone).sum()


@pytest.mark.parametrize("patient", range(3))
def test_bones_lie_under_the_skin(patient):
    volume, _ = leg_ct(patient)
    body = ndimage.binary_opening(volume.image > -400, np.ones((1, 5, 5)))
    skin = body & ~ndimage.binary_erosion(body, np.ones((1, 3, 3)), border_value=1)
    assert (volume.image[skin] > 600).sum() == 0


def test_the_thin_bone_lies_lateral_of_the_thick_one_in_a_right_leg(leg):
    volume, labels = leg
    # x grows to the patient's left, which is medial in a right leg; y grows to posterior
    thin = np.argwhere(labels.labels == 1).mean(axis=0)
    thick = np.argwhere((volume.image > 600) & (labels.labels == 0)).mean(axis=0)
    assert thin[2] < thick[2]
    assert thin[1] > thick[1]


def test_lesions_are_an_option_and_brighter_than_muscle():
    assert (leg_ct(1)[1].labels == 2).sum() == 0
    volume, labels = leg_ct(1, lesions=True)
    lesion = labels.labels == 2
    np.testing.assert_array_equal(volume.image[0], leg_ct(1)[0].image[0])
    assert lesion.sum() > 20
    around = ndimage.binary_dilation(lesion, iterations=3) & ~ndimage.binary_dilation(lesion, iterations=1)
    assert np.median(volume.image[lesion]) > np.median(volume.image[around & (labels.labels == 0)]) + 10
    assert labels.names == {1: "fibula", 2: "lesion"}


@pytest.mark.parametrize("patient", range(6))
def test_every_mr_holds_one_structure_of_two_touching_parts_the_thick_one_in_front(patient):
    volume, labels = two_part_mr(patient)
    assert volume.image.min() >= 0
    _, parts = ndimage.label(labels.labels > 0)
    _, sizes = np.unique(ndimage.label(labels.labels > 0)[0], return_counts=True)
    assert parts <= 3
    assert sizes[1:].max() > 0.98 * sizes[1:].sum()
    front, back = (np.argwhere(labels.labels == value) for value in (1, 2))
    assert min(len(front), len(back)) > 300
    assert front[:, 1].mean() < back[:, 1].mean()


def test_the_mr_holds_more_tissue_of_the_structures_brightness_than_the_structure():
    volume, labels = two_part_mr(0)
    low, high = np.percentile(volume.image[labels.labels > 0], [10, 90])
    alike = (volume.image > low) & (volume.image < high)
    assert (alike & (labels.labels == 0)).sum() > (alike & (labels.labels > 0)).sum()


def test_a_cohort_on_disk_reads_back_as_it_was_drawn(tmp_path):
    folder = write_cohort(tmp_path / "mr", "mr", patients=3, labelled=2, seed=5)
    assert [path.name for path in sorted((folder / "images").iterdir())] == [f"mr_{n:03d}.nii.gz" for n in range(3)]
    assert [path.name for path in sorted((folder / "labels").iterdir())] == [f"mr_{n:03d}.nii.gz" for n in range(2)]
    volume, labels = two_part_mr(1, seed=5)
    read = io.read_volume(folder / "images" / "mr_001.nii.gz")
    np.testing.assert_array_equal(read.image, volume.image)
    assert not read.geometry.mismatch(volume.geometry)
    mask = io.read_labels(folder / "labels" / "mr_001.nii.gz", like=read.geometry)
    np.testing.assert_array_equal(mask.labels, labels.labels)


def test_a_cohort_of_supershapes_reads_back_as_it_was_drawn_at_any_number_of_voxels(tmp_path):
    folder = write_cohort(tmp_path, "supershape", patients=2, labelled=1, seed=5, voxels=16)
    assert [path.name for path in sorted((folder / "images").iterdir())] == [
        f"supershape_{n:03d}.nii.gz" for n in (0, 1)
    ]
    assert [path.name for path in (folder / "labels").iterdir()] == ["supershape_000.nii.gz"]
    volume, labels, _ = supershape(0, seed=5, shape_zyx=(16, 16, 16), spacing_zyx_mm=(4, 4, 4))
    read = io.read_volume(folder / "images" / "supershape_000.nii.gz")
    np.testing.assert_array_equal(read.image, volume.image)
    assert not read.geometry.mismatch(volume.geometry)
    mask = io.read_labels(folder / "labels" / "supershape_000.nii.gz", like=read.geometry)
    np.testing.assert_array_equal(mask.labels, labels.labels)
    assert np.unique(mask.labels).tolist() == [0, 1]


@pytest.mark.parametrize("layers", [samples.leg_layers, samples.mr_layers])
def test_sample_layers_are_an_image_and_its_labels_in_mm(layers):
    (image, image_attributes, image_kind), (mask, mask_attributes, mask_kind) = layers()
    assert (image_kind, mask_kind) == ("image", "labels")
    assert image.shape == mask.shape
    assert mask.any()
    for attributes in (image_attributes, mask_attributes):
        assert attributes["units"] == ("mm", "mm", "mm")
        assert attributes["axis_labels"] == ("z", "y", "x")
        assert len(attributes["scale"]) == 3


class TestHippocampus:
    @pytest.fixture
    def archive(self, tmp_path, monkeypatch):
        """An archive of the real one's layout, already in the cache folder."""
        cohort = write_cohort(tmp_path / "drawn", "mr", patients=1)
        path = tmp_path / "cache" / hippocampus.ARCHIVE
        path.parent.mkdir()
        members = {
            "Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz": (cohort / "images" / "mr_000.nii.gz").read_bytes(),
            "Task04_Hippocampus/imagesTr/._hippocampus_001.nii.gz": b"junk",
            "Task04_Hippocampus/labelsTr/hippocampus_001.nii.gz": (cohort / "labels" / "mr_000.nii.gz").read_bytes(),
            "Task04_Hippocampus/imagesTr/../../../hippocampus_666.nii.gz": b"evil",
            "../hippocampus_667.nii.gz": b"evil",
        }
        with tarfile.open(path, "w") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, standard_io.BytesIO(content))
        monkeypatch.setattr(hippocampus, "MD5", hippocampus.pooch.file_hash(str(path), alg="md5"))
        monkeypatch.setattr(hippocampus, "cache_folder", lambda: path.parent)
        return path

    @pytest.fixture
    def offline(self, monkeypatch):
        """The server is a port of this machine where nobody listens."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setattr(hippocampus, "URL", f"http://127.0.0.1:{unused.getsockname()[1]}/Task04.tar")
            yield

    def test_offline_says_what_to_do_instead(self, tmp_path, offline):
        with pytest.raises(UserError, match=r"no connection.*generated sample.*put it at .*Task04_Hippocampus\.tar"):
            samples.fetch_hippocampus(tmp_path)
        assert not list(tmp_path.rglob("*.nii.gz"))

    def test_an_archive_put_into_the_cache_is_unpacked_without_the_net(self, archive, offline):
        cases = samples.fetch_hippocampus(archive.parent)
        assert "CC-BY-SA 4.0" in (cases / "ATTRIBUTION.txt").read_text(encoding="utf-8")
        for kind in ("images", "labels"):
            assert [path.name for path in (cases / kind).iterdir()] == ["hippocampus_001.nii.gz"]

    def test_no_member_leaves_the_folder(self, archive, offline, tmp_path):
        samples.fetch_hippocampus(archive.parent)
        assert not list(tmp_path.rglob("hippocampus_66*"))

    def test_unpacked_cases_need_neither_net_nor_archive(self, archive, offline):
        samples.fetch_hippocampus(archive.parent)
        archive.unlink()
        assert samples.fetch_hippocampus(archive.parent).is_dir()

    def test_an_archive_with_another_checksum_is_not_used(self, archive, offline):
        archive.write_bytes(archive.read_bytes() + b"x")
        with pytest.raises(UserError, match="could not be downloaded"):
            samples.fetch_hippocampus(archive.parent)

    def test_layers_carry_licence_and_attribution(self, archive, offline, caplog):
        with caplog.at_level("INFO"):
            layers = samples.hippocampus_layers()
        assert [kind for _, _, kind in layers] == ["image", "labels"]
        for _, attributes, _ in layers:
            assert "Simpson" in attributes["metadata"]["attribution"]
        assert "CC-BY-SA 4.0" in caplog.text


def test_the_checksum_is_the_one_monai_publishes():
    from monai.apps import DecathlonDataset

    assert DecathlonDataset.md5["Task04_Hippocampus"] == hippocampus.MD5
    assert DecathlonDataset.resource["Task04_Hippocampus"] == hippocampus.URL


def test_a_sample_layer_remembers_the_grid_of_its_volume() -> None:
    volume, _ = samples.two_part_mr(0)
    for _, attributes, _ in samples.mr_layers():
        assert geometry_of(attributes["metadata"]).mismatch(volume.geometry) is None
