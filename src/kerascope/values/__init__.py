"""Frozen records that travel between the stages: plain values, nothing else.

Every arrow of the data path (probe, record, detect, explain, render) is one of these classes. Each one
survives a round trip through JSON: ``decode(Report, json.loads(json.dumps(report.to_json())))`` equals
``report``. JSON has no NaN and no infinity, so `to_json` writes them as the strings ``"nan"``, ``"inf"`` and
``"-inf"`` and `decode` reads them back.
"""

from __future__ import annotations

from kerascope.values.encoding import decode as decode
from kerascope.values.encoding import encode as encode
from kerascope.values.measures import STATS_FIELDS as STATS_FIELDS
from kerascope.values.measures import LineRow as LineRow
from kerascope.values.measures import Series as Series
from kerascope.values.measures import StepRecord as StepRecord
from kerascope.values.measures import TensorFacts as TensorFacts
from kerascope.values.measures import TensorStats as TensorStats
from kerascope.values.profile import CompareRow as CompareRow
from kerascope.values.profile import Comparison as Comparison
from kerascope.values.profile import CompileRow as CompileRow
from kerascope.values.profile import LayerTime as LayerTime
from kerascope.values.profile import PhaseRow as PhaseRow
from kerascope.values.profile import Profile as Profile
from kerascope.values.profile import ReadRow as ReadRow
from kerascope.values.profile import TrialRow as TrialRow
from kerascope.values.report import REPORT_SCHEMA as REPORT_SCHEMA
from kerascope.values.report import SEVERITIES as SEVERITIES
from kerascope.values.report import ContractRow as ContractRow
from kerascope.values.report import Evidence as Evidence
from kerascope.values.report import Finding as Finding
from kerascope.values.report import Fix as Fix
from kerascope.values.report import LayerRow as LayerRow
from kerascope.values.report import Lever as Lever
from kerascope.values.report import Report as Report
from kerascope.values.report import RunSummary as RunSummary
from kerascope.values.report import Severity as Severity
from kerascope.values.report import SourceSpan as SourceSpan
from kerascope.values.report import Verdict as Verdict
from kerascope.values.topology import TOPOLOGY_SCHEMA as TOPOLOGY_SCHEMA
from kerascope.values.topology import CallFacts as CallFacts
from kerascope.values.topology import Change as Change
from kerascope.values.topology import Difference as Difference
from kerascope.values.topology import Dim as Dim
from kerascope.values.topology import TensorSpec as TensorSpec
from kerascope.values.topology import Topology as Topology
from kerascope.values.topology import WeightFacts as WeightFacts
