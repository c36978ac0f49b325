from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('locks', '0008_reviews'),
    ]

    operations = [
        migrations.AddField(
            model_name='unlockrequest',
            name='call_ended_at',
            field=models.DateTimeField(help_text="The call to Seam ended then, by the sender's clock.", null=True),
        ),
    ]
