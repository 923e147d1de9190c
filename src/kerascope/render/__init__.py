"""Show a report: on a terminal, in a notebook, as text, as JSON.

One document is built from a report (document.py) and lowered to each form, so that they never disagree.
"""

from kerascope.render.blocks import Document as Document
from kerascope.render.document import document as document
from kerascope.render.html import notebook_bundle as notebook_bundle
from kerascope.render.html import to_html as to_html
from kerascope.render.machine import ReportError as ReportError
from kerascope.render.machine import from_json_text as from_json_text
from kerascope.render.machine import to_json_text as to_json_text
from kerascope.render.terminal import ReportView as ReportView
from kerascope.render.terminal import print_report as print_report
from kerascope.render.terminal import to_text as to_text
