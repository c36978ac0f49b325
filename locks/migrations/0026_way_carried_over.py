from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('locks', '0025_follow_up_notes'),
    ]

    operations = [
        migrations.AddField(
            model_name='unlockrequest',
            name='way_carried_over',
            field=models.BooleanField(db_default=False, default=False, verbose_name='way of identifying carried over'),
        ),
    ]
