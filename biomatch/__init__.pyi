"""Names of the front door, for type checkers; `__init__.py` hands them out lazily."""

from biomatch.curves.build import IdentificationCurve as IdentificationCurve
from biomatch.curves.build import VerificationCurve as VerificationCurve
from biomatch.curves.build import identification_curve as identification_curve
from biomatch.curves.build import verification_curve as verification_curve
from biomatch.errors import BiomatchError as BiomatchError
from biomatch.evaluation.judge import evaluate as evaluate
from biomatch.evaluation.overstays.review_orders import review as review
from biomatch.evaluation.result import Result as Result
from biomatch.evaluation.sweep import sweep as sweep
from biomatch.evaluation.waits.day import queue as queue
from biomatch.gallery import Gallery as Gallery
from biomatch.policy import OperatingPoint as OperatingPoint
from biomatch.ports.engine import serve as serve
from biomatch.rates import Rate as Rate
from biomatch.reporting import charts as charts
from biomatch.reporting.report import report as report
from biomatch.settings.port import Port as Port
from biomatch.settings.scenario import Scenario as Scenario
from biomatch.settings.system import System as System
from biomatch.system.replay import search as search
from biomatch.system.run import run as run
from biomatch.tuning.tune import tune as tune
from biomatch.tuning.waits.front import waits as waits
from biomatch.worlds import open_world as open_world
from biomatch.worlds import world as world
