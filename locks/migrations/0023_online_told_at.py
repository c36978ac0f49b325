from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('locks', '0022_hand_overs'),
    ]

    operations = [
        migrations.AddField(
            model_name='device',
            name='online_told_at',
            field=models.DateTimeField(null=True),
        ),
    ]
