/* hub_scene_fixture.h - an office and two handhelds, of which the first has
 * sent its keys; for tests of what comes in behind that. */
#ifndef HUB_SCENE_FIXTURE_H
#define HUB_SCENE_FIXTURE_H

#include "hub_office_fixture.h"

struct scene {
    struct office w;
    struct handheld a, b;
};

static struct scene *
make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    make_handheld(&s->w, &s->a, 1);
    make_handheld(&s->w, &s->b, 2);
    push(&s->a, 1, 0);
    *state = s;
    return s;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_journal_close(s->a.j);
    gb_journal_close(s->b.j);
    end_office(&s->w);
    free(s);
    return 0;
}

#endif
