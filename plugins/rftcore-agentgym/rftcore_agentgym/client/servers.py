"""The contracts of all environments that AgentGym's clients know, as their code and that of their servers has them.

Read at WooooDyy/AgentGym; SearchQA is that of AgentGym-RL. Turn limits are defaults of this plugin. The instructions
are its own words, since AgentGym's are prompts that also say how a model has to write.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rftcore_agentgym.client.contract import Contract


def _spelled(action: str) -> str:
    """Wordle reads letters with spaces in between, as AgentGym's client writes a word."""
    word = action.strip().lower()
    return " ".join(word) if len(word) == 5 and word.isalpha() else action


def _moved(action: str) -> str:
    """A direction alone is a move, as AgentGym's client has it."""
    word = action.strip().lower()
    return f"move {word}" if word in ("up", "down", "left", "right") else action


def _fenced(action: str) -> str:
    """WebArena reads what stands between fences."""
    return action if "```" in action else f"```{action.strip()}```"


def _headed(action: str) -> str:
    """The tools read what stands after `Action:`."""
    return action if "Action:" in action else f"Action: {action.strip()}"


def _statement(action: str) -> str:
    """SQLGym takes a statement without the fences that a model may write."""
    return re.sub(r"^.*```sql|```.*$", "", action, flags=re.DOTALL).strip()


_CALLED = (
    "Reach the goal by calling actions, each as: NAME with Action Input: {JSON object of its parameters}\n"
    "finish with Action Input: {FINISH} ends the task. The actions are: "
)


def _tool(actions: str, finish: str = '"answer": ANSWER') -> Contract:
    return Contract(
        instructions=_CALLED.replace("FINISH", finish) + actions,
        turns=15,
        room="env_idx",
        item="id",
        creates={"id": 0},
        begun=((),),
        sends=_headed,
        guesses=("check_valid_actions with Action Input: {}", f"finish with Action Input: {{{finish}}}"),
    )


ACADEMIA = _tool(
    "loadPaperNet(), loadAuthorNet(), of which one comes first; neighbourCheck(graph, node), paperNodeCheck(node), "
    "authorNodeCheck(node), authorEdgeCheck(node1, node2)"
)
MOVIE = _tool(
    "get_search_movie(movie_name) and get_search_person(person_name), which find ids; get_movie_details, "
    "get_movie_production_companies, get_movie_production_countries, get_movie_cast, get_movie_crew, "
    "get_movie_keywords, get_movie_alternative_titles, get_movie_translation (movie_id); get_person_details, "
    "get_person_cast, get_person_crew, get_person_external_ids (person_id); check_valid_actions()"
)
SHEET = _tool(
    "open_sheet(name), which comes first; get_all_values(), get_range_values(start_position, end_position), "
    "get_cell_value(position), get_note(position), get_A1_annotation(row, col), "
    "filter_cells(query, in_row, in_column), "
    "get_value_by_formula(start_position, end_position, position_list, operator), update_cell(position, value), "
    "update_cell_by_formula(start_position, end_position, position_list, result_position, operator), "
    "update_range(start_position, end_position, values_list), update_note(position, content), "
    "insert_cols(values_list, col_idx), insert_rows(values_list, row_idx), delete_batch_data(dimension, index_list), "
    "sort_sheet_by_col(col_num, order), merge_cells(start_position, end_position), freeze_data(dimension, num), "
    "del_sheet(name)",
    finish="",
)
TODO = _tool(
    "get_user_current_date(), get_user_current_location(), get_projects(), update_project(project_id, is_favorite), "
    "get_tasks(project_id), get_task_description(task_id), get_task_duration(task_id), complete_task(task_id), "
    "update_task(task_id, due_date), delete_task(task_id), check_valid_actions()"
)
WEATHER = _tool(
    "get_user_current_date(), get_user_current_location(), get_latitude_longitude(name); with latitude, longitude, "
    "start_date and end_date get_historical_temp, get_historical_rain, get_historical_snow, "
    "get_historical_air_quality_index, get_temp_forecast, get_rain_forecast, get_snow_forecast; with latitude, "
    "longitude and current_date get_current_temp, get_current_rain, get_current_snow, get_current_air_quality_index; "
    "get_elevation(latitude, longitude), get_distance(latitude1, longitude1, latitude2, longitude2), "
    "get_air_quality_level(air_quality_index), check_valid_actions()"
)

_OF_ID = Contract(instructions="", turns=20, room="id", item="data_idx", created=("id",))
"""What most of the older servers have in common."""
_OF_INDEX = Contract(instructions="", turns=20, room="env_idx", item="id")

ALFWORLD = replace(
    _OF_ID,
    instructions="Do the task in the household with the available actions, one at a time.",
    turns=30,
    item="game",
    resets={"world_type": "Text"},
    actions="available_actions",
)
BABYAI = replace(
    _OF_ID,
    instructions=(
        "Reach your goal in a grid of rooms with one action at a time: turn left, turn right, move forward, "
        "go to OBJECT, pickup OBJECT, drop, toggle, go through DOOR, toggle and go through DOOR, "
        "check available actions"
    ),
    returns="sum",
    success=0.1,  # minigrid pays 1 - 0.9 * steps / limit for a success, and 0 otherwise
    lists=True,
    guesses=("turn left", "turn right", "move forward", "drop", "toggle", "check available actions"),
)
MAZE = replace(
    _OF_ID,
    instructions=(
        "Reach the goal in few moves: move up, move down, move left or move right. Down makes the first number of your "
        "position larger, and right the second."
    ),
    turns=15,
    item="game",
    sends=_moved,
    guesses=("move up", "move down", "move left", "move right"),
)
SCIWORLD = replace(
    _OF_ID,
    instructions=(
        "Do the task with one action at a time: open, close, activate, deactivate, connect, disconnect, use, look "
        "around, look at, look in, read, move, pick up, put down, pour, dunk, mix, go to, eat, flush, focus on, wait, "
        "wait1, task, inventory, with the objects that they are about."
    ),
    turns=30,
    begun=(("task_description",), ("observation",)),
    returns="sum",
    reward_range=(-100.0, 100.0),
    judged="score",
    success=100.0,
    guesses=("look around", "inventory", "task", "wait1"),
)
TEXTCRAFT = replace(
    _OF_ID,
    instructions=(
        "Craft the goal item. Answer with one command:\nget N ITEM fetches a raw item\n"
        "craft N ITEM using N ITEM, N ITEM runs a listed recipe\ninventory shows what you hold"
    ),
    creates={"minecraft_dir": "agentenv_textcraft/", "commands": None, "goal": None},
    guesses=("inventory", "get 1 oak log", "craft 4 oak planks using 1 oak log"),
)
WORDLE = replace(
    _OF_ID,
    instructions=(
        "Guess the hidden word of five letters in six tries, with letters apart: s h i r e. Each is answered with "
        "b (not in the word), y (elsewhere) or g (right). The words that are taken come first."
    ),
    turns=6,
    item="seed",
    asked="filtered_vocab",
    sends=_spelled,
    guesses=("s h i r e", "c l o u d", "m a n g y"),
)
SEARCHQA = replace(
    _OF_INDEX,
    instructions="",  # the first observation is the whole prompt
    turns=5,
    creates={"id": 0},
    begun=((),),
    guesses=("<search>capital</search>", "<answer>yes</answer>"),
)
SQLGYM = replace(
    _OF_INDEX,
    instructions="Answer the question with one SQL statement for the SQLite database that is described, in one line.",
    turns=1,
    item="item_id",
    begun=((0,),),
    observation="state",
    sends=_statement,
    guesses=("SELECT 1;", "SELECT name FROM sqlite_master;"),
)
WEBARENA = replace(
    _OF_INDEX,
    instructions=(
        "Reach the objective in a web browser with one action at a time: click [id], "
        "type [id] [content] [1 for Enter], hover [id], press [keys], scroll [down or up], "
        "new_tab, tab_focus [index], close_tab, goto [url], go_back, "
        "go_forward; stop [answer] ends the task."
    ),
    turns=30,
    created=("env_idx",),
    item="idx",
    resets={"seed": 0},
    begun=(),
    asked="observation",
    done="terminated",
    sends=_fenced,
    guesses=("scroll [down]", "go_back", "stop [N/A]"),
)
WEBSHOP = replace(
    _OF_INDEX,
    instructions=(
        "Buy what the instruction asks for, with one action at a time:\nsearch[WORDS] finds products\n"
        "click[LABEL] clicks a button, a product's code, or a value of an option; click[Buy Now] ends the task"
    ),
    item="session_id",
    begun=((0,),),
    observation="state",
    guesses=("search[shoes]", "click[Back to Search]", "click[Next >]", "click[Buy Now]"),
)

CONTRACTS: dict[str, Contract] = {
    "academia": ACADEMIA,
    "alfworld": ALFWORLD,
    "babyai": BABYAI,
    "maze": MAZE,
    "movie": MOVIE,
    "sciworld": SCIWORLD,
    "searchqa": SEARCHQA,
    "sheet": SHEET,
    "sqlgym": SQLGYM,
    "textcraft": TEXTCRAFT,
    "todo": TODO,
    "weather": WEATHER,
    "webarena": WEBARENA,
    "webshop": WEBSHOP,
    "wordle": WORDLE,
}
