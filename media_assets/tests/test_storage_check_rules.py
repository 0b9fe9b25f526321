"""The JSON that buckets need, and merging it with what is there already."""

from dataclasses import replace
from typing import Any

import pytest

from media_assets.operations.checking import policies, rules
from media_assets.operations.checking.layout import BucketUse, browser_origins, bucket_uses, tag_of

SHARED = BucketUse("shop", "eu-central-1", None, "media", "private", origins=("https://www.example.com",))
PROD = replace(SHARED, public_location="prod/media", private_location="prod/private")
STAGE = replace(
    SHARED,
    public_location="stage/media",
    private_location="stage/private",
    origins=("https://stage.example.com",),
    upload_seconds=604_800,
)
SID = "VitrinePublicRead" + tag_of("media")
THEIRS = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 20}}
READ = {"Sid": "Logs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject"}


# --- policy ---


def test_the_policy_opens_the_public_prefix_and_nothing_else() -> None:
    assert policies.bucket_policy(SHARED, None) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": SID,
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::shop/media/*",
            }
        ],
    }


@pytest.mark.parametrize(
    ("region", "expected"),
    [("cn-north-1", "arn:aws-cn:s3:::shop"), ("us-gov-west-1", "arn:aws-us-gov:s3:::shop"), ("", "arn:aws:s3:::shop")],
)
def test_names_belong_to_the_partition(region: str, expected: str) -> None:
    assert policies.arn(replace(SHARED, region=region)) == expected


def test_a_policy_is_merged_by_sid_and_the_second_time_is_the_same() -> None:
    present = {"Version": "2008-10-17", "Id": "theirs", "Statement": [READ]}
    merged = policies.bucket_policy(SHARED, present)
    assert merged is not None
    assert merged["Version"] == "2008-10-17"
    assert merged["Id"] == "theirs"
    assert [one["Sid"] for one in merged["Statement"]] == ["Logs", SID]
    assert SID.isalnum()
    assert policies.bucket_policy(SHARED, merged) == merged
    spoilt = {**merged, "Statement": [{**merged["Statement"][1], "Effect": "Deny"}, READ]}
    assert policies.bucket_policy(SHARED, spoilt) == {**merged, "Statement": [merged["Statement"][1], READ]}


def test_two_sites_in_one_bucket_keep_each_others_statements() -> None:
    first = policies.bucket_policy(PROD, None)
    both = policies.bucket_policy(STAGE, first)
    assert first is not None
    assert both is not None
    assert both["Statement"][0] == first["Statement"][0]
    assert both["Statement"][1]["Resource"] == "arn:aws:s3:::shop/stage/media/*"
    assert len({one["Sid"] for one in both["Statement"]}) == 2
    assert policies.bucket_policy(PROD, both) == policies.bucket_policy(STAGE, both) == both


def test_a_statement_under_the_older_name_is_ours_only_for_our_prefix() -> None:
    new = policies.bucket_policy(SHARED, None)
    assert new is not None
    old = {**new["Statement"][0], "Sid": "VitrinePublicRead"}
    assert policies.bucket_policy(SHARED, {**new, "Statement": [old, READ]}) == {
        **new,
        "Statement": [new["Statement"][0], READ],
    }
    merged = policies.bucket_policy(STAGE, {**new, "Statement": [old]})
    assert merged is not None
    assert merged["Statement"][0] == old
    assert len(merged["Statement"]) == 2


def test_one_statement_may_stand_without_a_list() -> None:
    merged = policies.bucket_policy(SHARED, {"Version": "2012-10-17", "Statement": READ})
    assert merged is not None
    assert len(merged["Statement"]) == 2


@pytest.mark.parametrize("changed", [{"public_location": None}, {"public_acl": "public-read"}])
def test_no_policy_where_nothing_is_public_by_it(changed: dict[str, Any]) -> None:
    assert policies.bucket_policy(replace(SHARED, **changed), None) is None


def test_a_distribution_that_reads_the_bucket_needs_no_public_policy() -> None:
    cdn = {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject"}
    present = {"Version": "2012-10-17", "Statement": [cdn]}
    use = replace(SHARED, custom_domain="cdn.example.com")
    assert policies.bucket_policy(use, present) == present
    assert rules.blocks_in_the_way(use, present) == ()
    assert policies.public_by(SHARED, present) == "policy"  # nobody is sent to that distribution


def test_statements_that_let_anyone_read_are_named_and_left_out() -> None:
    bad = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::shop/*"}
    named = {**bad, "Sid": "Oops", "Principal": "*", "Action": "s3:*"}
    denied = {**bad, "Effect": "Deny"}
    policy = {"Version": "2012-10-17", "Statement": [READ, bad, named, denied]}
    found, kept = policies.without_readers(policy, "arn:aws:s3:::shop/private/storage-check/1")
    assert found == ["statement 2", "Oops"]
    assert kept["Statement"] == [READ, denied]
    ours = policies.bucket_policy(SHARED, None)
    assert policies.without_readers(ours, "arn:aws:s3:::shop/private/a")[0] == []
    assert policies.without_readers(ours, "arn:aws:s3:::shop/media/a")[0] == [SID]


# --- public access block ---


def test_a_block_is_opened_only_where_it_is_in_the_way() -> None:
    closed = dict.fromkeys(rules.BLOCKS, True)
    by_policy = rules.public_access_block(SHARED, None, closed)
    assert [name for name in rules.BLOCKS if by_policy[name]] == ["BlockPublicAcls", "IgnorePublicAcls"]
    by_acl = rules.public_access_block(replace(SHARED, public_acl="public-read"), None, closed)
    assert [name for name in rules.BLOCKS if by_acl[name]] == ["BlockPublicPolicy", "RestrictPublicBuckets"]
    assert rules.public_access_block(replace(SHARED, public_location=None), None, closed) == closed
    assert rules.public_access_block(SHARED, None, by_policy) == by_policy


# --- CORS ---


def test_cors_is_for_the_origins_alone_and_keeps_other_rules() -> None:
    theirs = {"ID": "app", "AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"]}
    merged = rules.cors_rules(SHARED, [theirs])
    assert merged[0] == theirs
    assert merged[1]["AllowedOrigins"] == ["https://www.example.com"]
    assert merged[1]["AllowedMethods"] == ["GET", "HEAD", "POST", "PUT"]
    assert merged[1]["ExposeHeaders"] == ["ETag", "Location"]
    assert rules.cors_rules(SHARED, merged) == merged


def test_another_origin_replaces_our_cors_rule_where_it_stands() -> None:
    theirs = {"ID": "app", "AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"]}
    before = [*rules.cors_rules(SHARED, []), theirs]
    after = rules.cors_rules(replace(SHARED, origins=("https://two.example",)), before)
    assert [rule["AllowedOrigins"] for rule in after] == [["https://two.example"], ["https://app.example"]]


def test_two_sites_in_one_bucket_keep_each_others_origins() -> None:
    for stage in (STAGE, replace(STAGE, origins=PROD.origins)):  # also where they are the same today
        first = rules.cors_rules(PROD, [])
        both = rules.cors_rules(stage, first)
        assert [rule["AllowedOrigins"] for rule in both] == [list(PROD.origins), list(stage.origins)]
        assert rules.cors_rules(PROD, both) == rules.cors_rules(stage, both) == both
        moved = rules.cors_rules(replace(PROD, origins=("https://new.example",)), both)
        assert moved[1] == both[1]
        assert moved[0]["AllowedOrigins"] == ["https://new.example"]


def test_a_cors_rule_under_the_older_name_stays_and_is_not_doubled_where_it_says_the_same() -> None:
    old = {**rules.cors_rules(SHARED, [])[0], "ID": "vitrine-browsers"}
    assert rules.cors_rules(SHARED, [old]) == [old]
    assert rules.cors_rules(STAGE, [old])[0] == old
    assert len(rules.cors_rules(STAGE, [old])) == 2


def test_a_store_that_drops_ids_and_orders_lists_anew_has_nothing_to_change() -> None:
    (ours,) = rules.cors_rules(SHARED, [])
    returned = {name: value for name, value in ours.items() if name != "ID"}
    returned["AllowedMethods"] = ["PUT", "GET", "POST", "HEAD"]
    assert rules.cors_rules(SHARED, [returned]) == [returned]


def test_public_buckets_are_only_read_and_no_origin_means_no_rule() -> None:
    (rule,) = rules.cors_rules(replace(SHARED, private_location=None, origins=("*", "https://a.example")), [])
    assert rule["AllowedMethods"] == ["GET", "HEAD"]
    assert rule["AllowedOrigins"] == ["*"]
    assert rules.cors_rules(replace(SHARED, origins=()), []) == []


# --- lifecycle ---


def test_lifecycle_clears_staging_and_keeps_other_rules() -> None:
    merged = rules.lifecycle_rules(SHARED, [THEIRS], versioned=False)
    assert merged == [
        THEIRS,
        {
            "ID": f"vitrine-staging-{tag_of('private')}",
            "Status": "Enabled",
            "Filter": {"Prefix": "private/staging/"},
            "Expiration": {"Days": 2},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
    ]
    assert rules.lifecycle_rules(SHARED, merged, versioned=False) == merged


def test_versions_end_where_the_bucket_keeps_them() -> None:
    merged = rules.lifecycle_rules(SHARED, [], versioned=True)
    assert [(rule["ID"], rule["Filter"]["Prefix"]) for rule in merged] == [
        (f"vitrine-staging-{tag_of('private')}", "private/staging/"),
        (f"vitrine-versions-{tag_of('media')}", "media/"),
        (f"vitrine-versions-{tag_of('private')}", "private/"),
    ]
    assert merged[1]["NoncurrentVersionExpiration"] == {"NoncurrentDays": rules.NONCURRENT_DAYS}
    root = rules.lifecycle_rules(replace(SHARED, private_location=""), [], versioned=True)
    assert [rule["Filter"]["Prefix"] for rule in root] == ["staging/", ""]
    assert rules.lifecycle_rules(SHARED, merged, versioned=False) == merged[:1]


def test_two_sites_in_one_bucket_keep_each_others_lifecycle() -> None:
    first = rules.lifecycle_rules(PROD, [], versioned=True)
    both = rules.lifecycle_rules(STAGE, first, versioned=True)
    assert both[:3] == first
    assert [rule["Filter"]["Prefix"] for rule in both[3:]] == [
        "stage/private/staging/",
        "stage/media/",
        "stage/private/",
    ]
    assert len({rule["ID"] for rule in both}) == 6
    for site in (PROD, STAGE):
        assert rules.lifecycle_rules(site, both, versioned=True) == both
        assert rules.destructive_rules(site, both) == []
    assert rules.lifecycle_rules(PROD, both, versioned=False) == [both[0], *both[3:]]


def test_lifecycle_rules_under_older_names_are_ours_only_for_our_prefixes() -> None:
    new = rules.lifecycle_rules(SHARED, [], versioned=True)
    ids = ("vitrine-staging", "vitrine-versions-media", "vitrine-versions-private")
    old = [{**rule, "ID": name, "Status": "Disabled"} for rule, name in zip(new, ids, strict=True)]
    assert rules.lifecycle_rules(SHARED, [*old[:1], THEIRS, *old[1:]], versioned=True) == [new[0], THEIRS, *new[1:]]
    assert rules.lifecycle_rules(SHARED, [*old, *new], versioned=True) == new
    assert rules.lifecycle_rules(STAGE, old, versioned=True)[:3] == old


def test_a_rule_with_a_name_like_ours_stays() -> None:
    rule = {**rules.lifecycle_rules(SHARED, [], versioned=True)[1], "ID": "vitrine-versions-mine"}
    rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 365}
    merged = rules.lifecycle_rules(SHARED, [rule], versioned=True)
    assert merged[0] == rule
    assert [one["Filter"]["Prefix"] for one in merged[1:]] == ["private/staging/", "private/"]


def test_a_rule_with_a_name_like_ours_for_live_files_is_found() -> None:
    rule = {**THEIRS, "ID": f"vitrine-staging-{tag_of('private')}", "Filter": {"Prefix": "media/"}}
    assert rules.destructive_rules(SHARED, [rule]) == [rule["ID"]]


def test_staging_outlives_the_longest_upload() -> None:
    week = replace(SHARED, upload_seconds=604_800 + 3600)
    assert rules.lifecycle_rules(week, [], versioned=False)[0]["Expiration"] == {"Days": 8}


@pytest.mark.parametrize(
    ("change", "done"),
    [
        ({}, True),
        ({"Status": "Disabled"}, False),
        ({"Filter": {"Prefix": "media/"}}, False),
        ({"Filter": {"And": {"Prefix": "", "Tags": []}}}, False),
        ({"Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
    ],
)
def test_what_another_rule_does_already_is_not_done_twice(change: dict[str, Any], done: bool) -> None:
    staging = {
        "ID": "tmp",
        "Status": "Enabled",
        "Filter": {"Prefix": "private/staging/"},
        "Expiration": {"Days": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    merged = rules.lifecycle_rules(SHARED, [{**staging, **change}], versioned=False)
    assert len(merged) == (1 if done else 2)


@pytest.mark.parametrize(
    ("prefix", "harmful"), [("", True), ("med", True), ("media/2024/", True), ("private/raw/", True), ("logs/", False)]
)
def test_rules_that_delete_live_files_are_found(prefix: str, harmful: bool) -> None:
    rule = {**THEIRS, "ID": "", "Filter": {"Prefix": prefix}}
    assert bool(rules.destructive_rules(SHARED, [rule])) == harmful
    assert rules.destructive_rules(SHARED, [{**rule, "Status": "Disabled"}]) == []
    ours = rules.lifecycle_rules(SHARED, [], versioned=True)
    assert rules.destructive_rules(SHARED, ours) == []
    assert rules.destructive_rules(replace(SHARED, public_location=None, private_location=""), ours) == []


def test_an_old_form_of_a_rule_has_its_prefix_too() -> None:
    old = {"ID": "old", "Status": "Enabled", "Prefix": "media/", "Expiration": {"Days": 1}}
    assert rules.destructive_rules(SHARED, [old]) == ["old"]


# --- IAM ---


def test_the_role_needs_no_more_than_the_site_does() -> None:
    policy = policies.iam_policy([replace(SHARED, public_acl="public-read")])
    assert {one["Sid"]: (one["Action"], one["Resource"]) for one in policy["Statement"]} == {
        "VitrineBuckets": (["s3:ListBucket", "s3:ListBucketMultipartUploads"], ["arn:aws:s3:::shop"]),
        "VitrineObjects": (
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            ["arn:aws:s3:::shop/media/*", "arn:aws:s3:::shop/private/*"],
        ),
        "VitrineUploadsInParts": (
            ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            ["arn:aws:s3:::shop/private/staging/*"],
        ),
        "VitrinePublicObjects": (["s3:PutObjectAcl"], ["arn:aws:s3:::shop/media/*"]),
    }


def test_without_acls_nobody_may_set_one_and_setting_up_has_rights_of_its_own() -> None:
    sids = [one["Sid"] for one in policies.iam_policy([SHARED], set_up=True)["Statement"]]
    assert sids == ["VitrineBuckets", "VitrineObjects", "VitrineUploadsInParts", "VitrineSetUp"]


def test_two_buckets_have_their_own_rights() -> None:
    public = replace(SHARED, private_location=None)
    private = replace(SHARED, name="deeds", public_location=None, private_location="")
    objects = policies.iam_policy([public, private])["Statement"][1]["Resource"]
    assert objects == ["arn:aws:s3:::shop/media/*", "arn:aws:s3:::deeds/*"]


# --- what the settings want ---


def test_a_shared_bucket_is_one_use(site: Any, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://www.example.com/path"
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example", "https://www.example.com"]
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_DEFAULT_ACL="")
    (use,) = bucket_uses()
    assert (use.public_location, use.private_location, use.public_acl) == ("media", "private", None)
    assert use.origins == ("https://www.example.com", "https://app.example")
    settings.CORS_ALLOW_ALL_ORIGINS = True
    assert browser_origins() == ("*",)


def test_two_buckets_are_two_uses(site: Any) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_PRIVATE_STORAGE_BUCKET_NAME="deeds")
    public, private = bucket_uses()
    assert (public.name, public.public_location, public.private_location) == ("shop", "media", None)
    assert (private.name, private.public_location, private.private_location) == ("deeds", None, "")


@pytest.mark.django_db
def test_in_a_private_site_nothing_is_public(site: Any) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_DEFAULT_ACL="private")
    (use,) = bucket_uses()
    assert (use.public_location, use.private_location) == (None, "")
    assert policies.public_by(use, None) == "nothing"


def test_without_s3_there_is_no_bucket(site: Any) -> None:
    site()
    assert bucket_uses() == []


def test_a_difference_is_a_unified_diff() -> None:
    assert rules.difference("shop: CORS", [], []) == ""
    lines = rules.difference("shop: CORS", None, {"a": 1}).splitlines()
    assert lines == ["--- shop: CORS (now)", "+++ shop: CORS (wanted)", "@@ -0,0 +1,3 @@", "+{", '+  "a": 1', "+}"]
