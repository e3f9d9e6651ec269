@rem `npm start` is `exec node …`, which cmd.exe looks up here: so the refusal by name is reached on Windows too.
@%*
