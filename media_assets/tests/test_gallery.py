"""What resources with several images share."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers

from media_assets import gallery


class Form(serializers.Serializer):
    images = gallery.ImageFilesField(max_length=20)


class Ids(serializers.Serializer):
    ids = gallery.ImageIdsField(max_length=3)


def errors(form):
    assert not form.is_valid()
    return form.errors


def test_files_of_one_name_are_a_list_for_storing(photo):
    form = Form(data=MultiValueDict({"images": [photo("a.jpg"), photo("b.png", "PNG")]}))
    assert form.is_valid()
    assert [(file.name, file.cleaned.facts.extension) for file in form.validated_data["images"]] == [
        ("a.jpg", "jpg"),
        ("b.png", "png"),
    ]


def test_a_broken_file_is_named_by_its_place(photo):
    files = [photo(f"{n}.jpg") for n in range(1, 21)]
    files[12] = photo("../br\u202eoken.jpg", data=b"hello")
    (message,) = errors(Form(data=MultiValueDict({"images": files})))["images"]
    assert message.startswith("File 13 (broken.jpg): ")
    files[0] = "text"
    first, second = errors(Form(data=MultiValueDict({"images": files})))["images"]
    assert first.startswith("File 1: Send the image as a file") and second.startswith("File 13 (broken.jpg): ")


def test_no_file_or_too_many(photo):
    assert list(errors(Form(data=MultiValueDict()))) == ["images"]
    assert errors(Form(data={"images": []}))["images"] == ["This list may not be empty."]
    many = [SimpleUploadedFile("a.jpg", b"never read")] * 21
    said = errors(Form(data=MultiValueDict({"images": many})))["images"]
    assert said == ["Ensure this field has no more than 20 elements."]


def test_an_id_that_is_none_is_named_by_its_place():
    assert errors(Ids(data={"ids": [1, "x", 0]}))["ids"] == [
        "Id 2: A valid integer is required.",
        "Id 3: Ensure this value is greater than or equal to 1.",
    ]
    assert Ids(data={"ids": []}).is_valid()


@pytest.mark.parametrize(
    ("ids", "messages"),
    [
        ([2, 3, 1], None),
        ([1, 2], ["Not named: 3."]),
        ([9, 1, 1, 8], ["Not among the images here: 8, 9.", "Named more than once: 1.", "Not named: 2, 3."]),
    ],
)
def test_an_order_names_each_once(ids, messages):
    if messages is None:
        return gallery.require_each_once(ids, [1, 2, 3])
    with pytest.raises(serializers.ValidationError) as refused:
        gallery.require_each_once(ids, [1, 2, 3])
    assert refused.value.detail == {"ids": messages}
    return None
