//! Whose a row is: what operators are told of a content that is damaged.

use object_store::RowId;
use serde::{Deserialize, Serialize};

use crate::S3;
use crate::place::{self, Incarnation, Stamp};
use crate::rows::{self, NULL, Version};
use crate::survey::Survey;

/// Something with a content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// The bucket's name; `None` where there is no such bucket any more.
    pub bucket: Option<String>,
    /// The object's key; `None` for a part of an upload that is not there.
    pub key: Option<String>,
    /// The id of its version, where it is an object.
    pub version: Option<String>,
    /// The id of the upload, where it is a part of one.
    pub upload: Option<String>,
    /// The number of the part.
    pub part: Option<u32>,
}

impl S3 {
    /// Whose these rows are. What went meanwhile is left out, and what is no row of S3.
    pub fn holders(&self, found: &[RowId]) -> Vec<Holder> {
        let mut go_on = |_| std::ops::ControlFlow::Continue(());
        let survey = Survey::new(&self.state.store, &self.state.objects, &mut go_on);
        let buckets = survey.buckets();
        let mut holders: Vec<Holder> = found
            .iter()
            .filter_map(|row| {
                let incarnation = Incarnation::of_row(&row.key)?;
                let bucket = buckets.get(incarnation.array()).map(|bucket| bucket.name.to_string());
                self.holder(row, &incarnation, bucket)
            })
            .collect();
        holders.sort();
        holders.dedup();
        holders
    }

    fn holder(&self, row: &RowId, incarnation: &Incarnation, bucket: Option<String>) -> Option<Holder> {
        use object_store::Read as _;
        let snapshot = self.state.objects.snapshot();
        let of_version = [place::OBJECTS, place::OBJECT_PARTS];
        if of_version.iter().any(|table| table.name() == row.table) {
            let (key, _) = place::split(&row.key)?;
            let stored = snapshot.get(place::OBJECTS, &row.key).ok()??;
            let version: Option<Version> = rows::read(&stored.value).ok();
            let id = version.map_or_else(|| NULL.to_owned(), |version| version.public_id().to_owned());
            return Some(Holder { bucket, key: Some(key), version: Some(id), upload: None, part: None });
        }
        if place::PARTS.name() == row.table {
            let stamp = Stamp::of_bytes(place::stamp_of_part(&row.key)?)?;
            snapshot.get(place::PARTS, &row.key).ok()??;
            let key = crate::multipart::key_of(&snapshot, incarnation, &stamp);
            let (upload, part) = (Some(stamp.to_string()), place::number_of(&row.key));
            return Some(Holder { bucket, key, version: None, upload, part });
        }
        None
    }
}
