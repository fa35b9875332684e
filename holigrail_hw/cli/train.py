"""``holigrail train``: train a model of an operator, so that its coefficients are cheap."""

from typing import Any

from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.task import Task
from holigrail_hw.flow.folders import output_folder, staging
from holigrail_hw.ui.pictures import svg_of
from holigrail_hw.ui.tables import pairs, table

from .arguments import read_task
from .session import Session, shown

__all__ = ["main", "task_of"]


def task_of(operator: type[OperatorSpec]) -> type[Task] | None:
    """The task of this verb, whose parameters are its options."""
    return operator.training()


def main(words: list[str], session: Session) -> int:
    """Write what was trained, and print what it is good for."""
    task = read_task(words, session, task_of)
    folder = session.folder(task.title)
    # Minutes of training shall not be lost because nothing can be written.
    with output_folder(folder, session.verb):
        with session.progress() as progress:
            outcome = task.run(session.seed, progress)
            texts = dict(outcome.files)
            texts |= {f"{name}.svg": svg_of(view) for name, view in outcome.views.items()}
        for remark in outcome.remarks:
            session.note(remark)
        with staging(folder, session.verb) as work:
            for name, content in texts.items():
                (work / name).write_text(content, encoding="utf-8", newline="\n")
    files = [folder / name for name in texts]

    def text(console: Any) -> None:
        pairs(console, [*outcome.facts.items(), *(("written", shown(path)) for path in files)])
        for one in outcome.tables:
            console.print(f"\n{one.title}")
            table(console, one.header, one.rows)

    tables = [{"title": t.title, "header": t.header, "rows": t.rows} for t in outcome.tables]
    found = {"outcome": outcome.facts, "tables": tables, "files": [str(path) for path in files]}
    return session.show(found, text)
