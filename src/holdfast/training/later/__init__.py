"""Later data: a learner on disk learns next month's data in another process, and answers by name.

- `records`: what the file of a learner says of its past tasks.
- `origin`: how its network and its optimizer were made.
- `history`: the tasks, labels, test sets and scores so far.
- `incoming`: new data as a task. `numbering`: which output each of its labels has.
- `learning`: `learner.learn`. `learnt`: what it gives back.
- `whole_file`: the file. `loading`: `Learner.load`.
- `answers`: `learner.predict`.
"""
