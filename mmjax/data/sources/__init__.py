"""Your own data: manifests, folders, Parquet, WebDataset tars and TFDS."""

from mmjax.data.sources.mixture import Mixture
from mmjax.data.sources.opened import open_source
from mmjax.data.sources.record import Columns, Record, Source
from mmjax.data.sources.records import Records

__all__ = ['Columns', 'Mixture', 'Record', 'Records', 'Source', 'open_source']
