#include "spoe/notify.h"

void spoe_messages_begin(struct spoe_messages *list, struct spoe_bytes payload)
{
    list->cursor = spoe_cursor_over(payload);
    list->args_left = 0;
}

bool spoe_message_next_arg(struct spoe_messages *list, struct spoe_arg *arg)
{
    if (list->args_left == 0) {
        return false;
    }
    arg->name = spoe_cursor_string(&list->cursor);
    spoe_cursor_value(&list->cursor, &arg->value);
    list->args_left = list->cursor.is_failed ? 0 : list->args_left - 1;
    return !list->cursor.is_failed;
}

bool spoe_messages_next(struct spoe_messages *list, struct spoe_message *message)
{
    struct spoe_arg skipped;

    while (spoe_message_next_arg(list, &skipped)) {
    }
    if (spoe_cursor_left(&list->cursor) == 0) {
        return false;
    }
    message->name = spoe_cursor_string(&list->cursor);
    message->arg_count = spoe_cursor_u8(&list->cursor);
    if (message->name.length == 0) {
        spoe_cursor_fail(&list->cursor);
    }
    if (list->cursor.is_failed) {
        return false;
    }
    list->args_left = message->arg_count;
    return true;
}

bool spoe_messages_failed(const struct spoe_messages *list)
{
    return list->cursor.is_failed;
}
