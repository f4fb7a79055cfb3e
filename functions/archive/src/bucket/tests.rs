use super::*;
use crate::{
    layout::Content,
    testing::{Memory, pins},
};

async fn with_objects(starts: impl Iterator<Item = u64>) -> Memory {
    let memory = Memory::default();
    for start in starts {
        memory.put_raw(&pins().object(Content::Lines, start), "1\n").await;
    }
    memory
}

#[tokio::test]
async fn the_last_object_is_found_from_any_hint() {
    for starts in [vec![], vec![0], vec![7], vec![0, 1, 2, 3, 4, 5, 6], vec![3, 10, 1_000, 1_001, 9_999_999_999]] {
        let memory = with_objects(starts.iter().copied()).await;
        for page in [1, 2, 3, 1_000, usize::MAX] {
            for hint in [0, 1, 3, 8, 1_000, 5_000_000, MAX_OFFSET, u64::MAX] {
                for range in [0..MAX_OFFSET + 1, 0..1_001, 2..8, 4..1_000_000, 8..8, 10..11] {
                    let last = memory.bucket(page).last(&pins(), Folder::Topics, range.clone(), hint).await;
                    let expected = starts.iter().copied().rfind(|start| range.contains(start));
                    assert_eq!(last.unwrap(), expected, "{starts:?}, page {page}, hint {hint}, range {range:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_end_of_many_objects_is_found_with_few_requests() {
    // In proportion to S3's pages of 1,000 and 500,000 objects.
    let (objects, page) = (5_000_u64, 10);
    let many = with_objects((0..objects).map(|number| number * 37)).await;
    let last = (objects - 1) * 37;
    for (hint, at_most, why) in [
        (last - 37 * 3, 1, "the end is within a page of the hint"),
        (0, 20, "nothing is known"),
        (last / 2, 20, "the batch is old"),
        (last + 10_000, 20, "records were lost"),
        (MAX_OFFSET, 30, "the topic's end is far away"),
    ] {
        let found = many.bucket(page).last(&pins(), Folder::Topics, 0..MAX_OFFSET + 1, hint).await;
        assert_eq!(found.unwrap(), Some(last), "{why}");
        let requests = many.requests();
        assert!(requests <= at_most, "{why}: {requests} requests");
    }
    let none = Memory::default();
    assert_eq!(none.bucket(page).last(&pins(), Folder::Topics, 0..MAX_OFFSET + 1, 5_000).await.unwrap(), None);
    assert_eq!(none.requests(), 2);
}

#[tokio::test]
async fn foreign_objects_are_ignored() {
    let memory = with_objects([0, 5].into_iter()).await;
    let folder = pins().folder(Folder::Topics);
    for name in ["_SUCCESS", "0a1b.pin+0+0000000003.json.crc", "0a1b.pin+0+x", "zzz"] {
        memory.put_raw(&Path::from(format!("{folder}/{name}")), "").await;
    }
    for page in [1, 2, 1_000] {
        let last = memory.bucket(page).last(&pins(), Folder::Topics, 0..MAX_OFFSET + 1, 0).await.unwrap();
        assert_eq!(last, Some(5), "page {page}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_created_and_an_object_in_it_is_created_once() {
    let root = tempfile::tempdir().unwrap();
    let url = ArchiveUrl::Folder(root.path().join("new/archive"));
    let bucket = Bucket::open(&url).await.unwrap();
    assert!(bucket.is_empty().await.unwrap());
    let path = pins().object(Content::Lines, 0);
    assert!(bucket.create(&path, Bytes::from_static(b"1\n")).await.unwrap());
    assert!(!bucket.create(&path, Bytes::from_static(b"2\n")).await.unwrap());
    assert_eq!(bucket.read(&path).await.unwrap().unwrap(), "1\n");
    assert!(!bucket.is_empty().await.unwrap());
    assert!(root.path().join("new/archive").join(path.as_ref()).is_file());
}

#[tokio::test]
async fn an_unusable_location_is_named_in_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = ArchiveUrl::Folder(file.path().join("archive"));
    let error = Bucket::open(&url).await.unwrap_err();
    let line = shared::error_chain::one_line(&error);
    assert!(line.contains(&url.to_string()) && line.contains("Not a directory"), "{line}");
}

#[tokio::test]
async fn a_folder_whose_objects_cannot_be_listed_is_named() {
    let root = tempfile::tempdir().unwrap();
    // A link to itself: not even root can list it.
    std::os::unix::fs::symlink("topics", root.path().join("topics")).unwrap();
    let url = ArchiveUrl::Folder(root.path().into());
    let line = shared::error_chain::one_line(&Bucket::open(&url).await.unwrap_err());
    assert!(line.starts_with(&format!("the archive {url} cannot be used: ")), "{line}");
}
